"""The hooks of azd, against a stand-in of Azure over HTTP."""

import base64
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from arm import LONGEST_PAUSE, MOST_TRIES, Arm, ArmError, HookError
from batchmgr.plan.file_specifications import FINALIZE_CONTAINER
from callback_key import make_callback_key
from event_subscription import FUNCTION, Deployment, Patience, subscribe, wait_until_healthy
from tests.infra.azure import APP, SECRET, SUBSCRIPTION, TOKEN, TOPIC, VAULT, Azure, running
from tests.infra.bicep import INFRA
from tests.infra.test_app import functions

REFRESH = f"POST {APP}/config/configreferences/appsettings/refresh"


class Clock:
    """Time that passes only by pauses."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def now(self) -> float:
        return sum(self.pauses)


@pytest.fixture(name="clock")
def a_clock() -> Clock:
    return Clock()


@pytest.fixture(name="azure")
def an_azure() -> Iterator[Azure]:
    with running(Azure()) as azure:
        yield azure


@pytest.fixture(name="arm")
def a_client(azure: Azure, clock: Clock) -> Arm:
    return Arm(TOKEN, endpoint=azure.url, pause=clock.pause)


@pytest.fixture(name="hook")
def the_hook(azure: Azure, arm: Arm, clock: Clock) -> Callable[[], bool]:
    deployment = Deployment(app_id=APP, topic_id=TOPIC, url=azure.url)
    return lambda: subscribe(arm, deployment, Patience(seconds=120, pause=clock.pause, now=clock.now))


def writes(azure: Azure) -> list[str]:
    return [call for call in azure.calls if call.startswith("PUT ")]


def test_the_subscription_names_the_function_and_container_of_the_code(
    azure: Azure, hook: Callable[[], bool]
) -> None:
    assert hook()
    assert azure.subscription is not None
    url = urlsplit(azure.subscription["destination"]["properties"]["endpointUrl"])
    assert url.path == "/runtime/webhooks/blobs"
    assert parse_qs(url.query) == {"functionName": ["Host.Functions.finalize_job"], "code": [azure.key]}
    trigger = functions()[FUNCTION]
    assert trigger["type"] == "blobTrigger"
    assert trigger["path"] == f"{FINALIZE_CONTAINER}/{{jobId}}.json"
    chosen = azure.subscription["filter"]
    assert chosen["subjectBeginsWith"] == f"/blobServices/default/containers/{FINALIZE_CONTAINER}/"
    assert (chosen["subjectEndsWith"], chosen["includedEventTypes"]) == (
        ".json",
        ["Microsoft.Storage.BlobCreated"],
    )


def test_function_key_and_subscription_come_in_this_order(azure: Azure, hook: Callable[[], bool]) -> None:
    hook()
    calls = [call for call in dict.fromkeys(azure.calls) if call != "GET /api/health"]
    assert calls == [
        f"GET {APP}/functions",
        f"POST {APP}/host/default/listkeys",
        f"GET {SUBSCRIPTION}",
        f"PUT {SUBSCRIPTION}",
        f"POST {SUBSCRIPTION}/getFullUrl",
    ]


def test_an_app_that_is_slow_to_start_is_waited_for_and_woken(
    azure: Azure, hook: Callable[[], bool], clock: Clock
) -> None:
    azure.starts_after = 4
    assert hook()
    assert clock.pauses[:3] == [10, 10, 10]
    assert len(writes(azure)) == 1


def test_a_key_that_comes_after_the_functions_is_waited_for(
    azure: Azure, hook: Callable[[], bool], clock: Clock
) -> None:
    azure.fail(f"POST {APP}/host/default/listkeys", 400, 404)  # the host has not started
    azure.key_after = 2
    assert hook()
    assert clock.pauses[:4] == [10, 10, 10, 10]
    azure.key_after = 10_000
    with pytest.raises(HookError, match=r"no key blobs_extension: .*/api/health may say why"):
        hook()
    assert len(writes(azure)) == 1


def test_a_second_run_writes_nothing(azure: Azure, hook: Callable[[], bool]) -> None:
    assert hook()
    assert not hook()
    assert len(writes(azure)) == 1


def test_a_new_key_or_another_filter_is_written_again(azure: Azure, hook: Callable[[], bool]) -> None:
    hook()
    azure.key = "rotated"
    assert hook()
    assert azure.subscription is not None
    azure.subscription["filter"]["subjectEndsWith"] = ""
    assert hook()
    assert azure.subscription["filter"]["subjectEndsWith"] == ".json"


def test_a_subscription_to_another_function_is_mended(azure: Azure, hook: Callable[[], bool]) -> None:
    hook()
    assert azure.subscription is not None
    destination = azure.subscription["destination"]["properties"]
    destination["endpointUrl"] = destination["endpointUrl"].replace("finalize_job", "finalise_job")
    assert hook()
    assert "Host.Functions.finalize_job" in azure.subscription["destination"]["properties"]["endpointUrl"]


def test_without_the_function_nothing_is_written_and_the_functions_are_named(
    azure: Azure, hook: Callable[[], bool]
) -> None:
    azure.functions = ("submit_job", "finalise_job")
    with pytest.raises(HookError, match=r"no function finalize_job.* It has: finalise_job, submit_job"):
        hook()
    assert writes(azure) == []


def test_an_app_that_never_starts_is_told(azure: Azure, hook: Callable[[], bool]) -> None:
    azure.starts_after = 10_000
    with pytest.raises(HookError, match="It has: none"):
        hook()


def test_a_handshake_that_fails_is_tried_again_and_then_told_without_the_key(
    azure: Azure, hook: Callable[[], bool]
) -> None:
    azure.handshakes_refused = 2
    assert hook()
    assert len(writes(azure)) == 3
    azure.handshakes_refused, azure.key = 10_000, "rotated"
    with pytest.raises(HookError, match="handshake failed for the webhook") as told:
        hook()
    assert azure.key not in str(told.value)


def test_what_passes_is_tried_again_after_the_time_that_azure_asks_for(
    azure: Azure, arm: Arm, clock: Clock
) -> None:
    azure.fail(f"GET {APP}/functions", 503, 429, headers={"Retry-After": "7"})
    assert arm.get(f"{APP}/functions", "v")["value"]
    assert clock.pauses == [7, 7]


def test_an_absurd_retry_after_is_not_believed(azure: Azure, arm: Arm, clock: Clock) -> None:
    azure.fail(f"GET {APP}/functions", 429, headers={"Retry-After": "86400"})
    arm.get(f"{APP}/functions", "v")
    assert clock.pauses == [LONGEST_PAUSE]


def test_what_does_not_pass_in_time_is_told(azure: Azure, arm: Arm, clock: Clock) -> None:
    azure.fail(f"GET {APP}/functions", *[500] * 20)
    with pytest.raises(ArmError, match="500 Fault made by the test"):
        arm.get(f"{APP}/functions", "v")
    assert clock.pauses == [1, 2, 4, 8, 16]
    assert azure.calls.count(f"GET {APP}/functions") == MOST_TRIES


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409])
def test_a_refusal_is_not_tried_again(azure: Azure, arm: Arm, clock: Clock, status: int) -> None:
    azure.fail(f"GET {APP}/functions", status)
    with pytest.raises(ArmError) as told:
        arm.get(f"{APP}/functions", "v")
    assert (told.value.status, told.value.code, clock.pauses) == (status, "Fault", [])


def test_without_an_answer_the_call_is_repeated(clock: Clock) -> None:
    with running(Azure()) as gone:
        pass
    with pytest.raises(ArmError, match="no answer"):
        Arm(TOKEN, endpoint=gone.url, pause=clock.pause).get(APP, "v")
    assert len(clock.pauses) == MOST_TRIES - 1


def test_a_hook_without_access_ends_at_once(azure: Azure, hook: Callable[[], bool], clock: Clock) -> None:
    azure.fail(f"PUT {SUBSCRIPTION}", 403)
    with pytest.raises(ArmError, match="403"):
        hook()
    assert clock.pauses == []


def test_health_is_waited_for_and_what_is_wrong_is_told(azure: Azure, arm: Arm, clock: Clock) -> None:
    azure.starts_after = 3
    deployment = Deployment(app_id=APP, topic_id=TOPIC, url=azure.url)
    wait_until_healthy(arm, deployment, Patience(seconds=60, pause=clock.pause, now=clock.now))
    azure.health = (503, {"status": "unhealthy", "checks": {"batch": "403 for the identity"}})
    with pytest.raises(HookError, match=r"answers 503: .*403 for the identity"):
        wait_until_healthy(arm, deployment, Patience(seconds=60, pause=clock.pause, now=clock.now))


def test_the_key_of_callbacks_is_made_once(azure: Azure, arm: Arm) -> None:
    assert make_callback_key(arm, vault_id=VAULT, app_id=APP)
    assert azure.secret is not None
    first = azure.secret["value"]
    assert len(base64.b64decode(first.removeprefix("whsec_"), validate=True)) == 32
    assert azure.calls == [f"GET {SECRET}", f"PUT {SECRET}", REFRESH]
    assert not make_callback_key(arm, vault_id=VAULT, app_id=APP)
    assert azure.secret["value"] == first


def test_a_run_that_stopped_before_the_refresh_is_completed_by_the_next(azure: Azure, arm: Arm) -> None:
    azure.fail(REFRESH, 403)
    with pytest.raises(ArmError):
        make_callback_key(arm, vault_id=VAULT, app_id=APP)
    assert not make_callback_key(arm, vault_id=VAULT, app_id=APP)
    assert azure.calls.count(REFRESH) == 2


def run_script(name: str, azure: Azure, folder: Path, **programs: str) -> subprocess.CompletedProcess[str]:
    """Run a hook as azd does, with these programs on the PATH."""
    for program, text in programs.items():
        path = folder / program
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    environment = {
        "PATH": str(folder),
        "BATCHMGR_ARM_ENDPOINT": azure.url,
        "BATCHMGR_URL": azure.url,
        "BATCHMGR_FUNCTION_APP_ID": APP,
        "BATCHMGR_SYSTEM_TOPIC_ID": TOPIC,
        "BATCHMGR_KEY_VAULT_ID": VAULT,
        "SYSTEMROOT": os.environ.get("SYSTEMROOT", ""),
    }
    return subprocess.run(
        [sys.executable, str(INFRA / "hooks" / name)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


AZD = f"""echo '{{"token": "{TOKEN}", "expiresOn": "2026-01-01T00:00:00Z"}}'"""
AZ = f"""echo '{{"accessToken": "{TOKEN}"}}'"""


def test_the_scripts_run_with_the_sign_in_of_azd(azure: Azure, tmp_path: Path) -> None:
    made = run_script("postprovision.py", azure, tmp_path, azd=AZD)
    assert (made.returncode, made.stdout) == (0, "The key of callbacks has been made.\n"), made.stderr
    azure.first_state = "Succeeded"  # the script would really wait
    subscribed = run_script("postdeploy.py", azure, tmp_path, azd=AZD)
    assert subscribed.returncode == 0, subscribed.stderr
    assert subscribed.stdout == (
        f"The subscription to finalize blobs has been written. {azure.url} is healthy.\n"
    )
    assert azure.key not in subscribed.stdout + subscribed.stderr


def test_the_az_cli_is_asked_if_nobody_is_signed_in_with_azd(azure: Azure, tmp_path: Path) -> None:
    made = run_script("postprovision.py", azure, tmp_path, azd="echo 'not logged in' >&2; exit 1", az=AZ)
    assert made.returncode == 0, made.stderr


def test_a_script_that_can_not_work_says_what_to_do(azure: Azure, tmp_path: Path) -> None:
    made = run_script("postprovision.py", azure, tmp_path)
    assert (made.returncode, made.stdout) == (1, "")
    assert made.stderr == "error: nobody is signed in to Azure: run azd auth login, or az login\n"
