"""The embedded host answers each recorded request as Microsoft's does, or differs as listed."""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from azure.storage.blob import BlobServiceClient

from tests.functions_host.exchanges.comparison import differences
from tests.functions_host.exchanges.host_process import APP, free_port, host_process, settings
from tests.functions_host.exchanges.known import assert_as_listed, ignored_headers, known_differences
from tests.functions_host.exchanges.recording import encode, exchanges, facts
from tests.functions_host.exchanges.wire import Answer, NoAnswerError, get, send

HEAVY = ("body-too-long", "body-longest")
"""Exchanges of 100 MB."""
FIRST = {"key-value-case": "key-function"}
"""Exchanges that have a meaning only after another one."""
MORE_SECONDS = 2.0
"""How much longer than recorded a busy machine may take."""


@dataclass(frozen=True, kw_only=True)
class Replay:
    """A host that runs the app of the recordings, and what the placeholders stand for."""

    port: int
    values: Mapping[str, str]

    def send(self, name: str) -> Answer | None:
        """Send the request of an exchange; None where no answer comes."""
        try:
            return send(self.port, encode(exchanges()[name].request, self.values))
        except NoAnswerError:
            return None


@pytest.fixture(scope="module")
def replay(azurite_accounts: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replay]:
    """One host for all exchanges; it checks keys, as in Azure."""
    connection_string, port = azurite_accounts(), free_port()
    with BlobServiceClient.from_connection_string(connection_string) as blobs:
        for container in ("rec-blobs", "rec-events"):
            blobs.create_container(container)
        blob_port = str(blobs.primary_hostname).partition("/")[0].rpartition(":")[2]
    log = tmp_path_factory.mktemp("exchanges") / "log"
    with host_process(APP, port, log, settings(connection_string, port), "--enable-auth") as host:
        places = {"port": str(port), "blob-port": blob_port, "app": str(APP)}
        yield Replay(port=port, values=places | host.keys())


def _cases() -> list[object]:
    return [
        pytest.param(name, marks=pytest.mark.host_recordings) if name in HEAVY else name
        for name in exchanges()
    ]


@pytest.mark.parametrize("name", _cases())
def test_an_exchange(replay: Replay, name: str) -> None:
    if name in FIRST:
        replay.send(FIRST[name])
    answer = replay.send(name)
    found = differences(exchanges()[name].response, answer, replay.values, ignored_headers())
    assert_as_listed("exchanges", name, found, answer)


def test_only_recorded_exchanges_are_listed() -> None:
    assert known_differences("exchanges").keys() <= exchanges().keys()


def _at_once(replay: Replay, path: str, count: int) -> tuple[list[bytes], float]:
    """Send requests all at once; return the bodies of the answers, and the seconds until the last one."""
    started = time.monotonic()
    with ThreadPoolExecutor(count) as pool:
        answers = list(pool.map(lambda _: get(replay.port, path), range(count)))
    assert {answer.status for answer in answers} == {200}
    return [answer.body for answer in answers], time.monotonic() - started


def test_functions_in_threads(replay: Replay) -> None:
    recorded = facts()["threads"]
    bodies, seconds = _at_once(replay, "/api/slow?do=sleep:1", recorded["requests"])
    most = max(int(body) for body in bodies)
    found = [
        *(["most_at_once"] if most != recorded["most_at_once"] else []),
        *(["all_after_seconds"] if seconds > recorded["all_after_seconds"] + MORE_SECONDS else []),
    ]
    assert_as_listed("facts", "threads", found, f"{most} at once, all after {seconds:.1f} s")


def test_async_functions(replay: Replay) -> None:
    recorded = facts()["async"]
    _, seconds = _at_once(replay, "/api/slow-async?seconds=1", recorded["requests"])
    found = ["all_after_seconds"] if seconds > recorded["all_after_seconds"] + MORE_SECONDS else []
    assert_as_listed("facts", "async", found, f"all after {seconds:.1f} s")
