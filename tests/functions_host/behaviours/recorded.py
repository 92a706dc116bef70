"""The behaviours that were recorded. What differs here is in the two files differences.toml."""

import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.functions_host.behaviours.behaviour import Behaviour, Here, Known
from tests.functions_host.exchanges.faults import FAULTS
from tests.functions_host.exchanges.recording import exchanges, sequences
from tests.functions_host.recordings.rounds import RECORDINGS

TESTS = Path(__file__).parents[1]
_LISTENERS = {"queue": "Queues", "blob": "Blobs", "timer": "Timers"}
_EXCHANGES = {
    "key": "Keys and administration",
    "admin": "Keys and administration",
    "webhook": "Event Grid",
}


def recorded_behaviours() -> Iterator[Behaviour]:
    """Give all recordings, as behaviours."""
    yield from _listeners()
    yield from _exchanges()
    yield from _sequences()


def _listeners() -> Iterator[Behaviour]:
    listed = _toml("recordings/differences.toml")
    for path in sorted(RECORDINGS.glob("*.json")):
        document = json.loads(path.read_text())
        difference = listed.get(path.stem, {})
        yield Behaviour(
            group=_LISTENERS[path.stem.partition("-")[0]],
            what=document["what"],
            known=Known.RECORDED,
            source=_link(path.stem, f"recordings/listeners/{path.name}"),
            name=path.stem,
            here=_here(always="always" in difference, listed=bool(difference)),
            reason=_sentence(difference.get("why", "")),
        )


def _exchanges() -> Iterator[Behaviour]:
    differences = _differences("exchanges")
    for name, exchange in exchanges().items():
        status = exchange.response.get("status")
        here, reason = differences.get(name, (Here.SAME, ""))
        yield Behaviour(
            group=_EXCHANGES.get(name.partition("-")[0], "HTTP"),
            what=f"{exchange.what} → {status}" if status else exchange.what,
            known=Known.RECORDED,
            source=_link(name, "exchanges/recordings/http.json"),
            name=name,
            here=here,
            reason=reason,
        )


def _sequences() -> Iterator[Behaviour]:
    differences = _differences("sequences")
    for name, sequence in sequences().items():
        here, reason = differences.get(name, (Here.SAME, ""))
        yield Behaviour(
            group=_group_of_sequence(name),
            what=sequence.what,
            known=Known.RECORDED,
            source=_link(name, "exchanges/recordings/lifecycle.json"),
            name=name,
            here=here,
            reason=reason,
        )


def _group_of_sequence(name: str) -> str:
    if name in FAULTS:
        return "Faults at the start"
    return "Queues" if name.startswith("idle-latency") else "Stops and losses"


def _differences(kind: str) -> dict[str, tuple[Here, str]]:
    """Return what differs of `exchanges` or `sequences`, by name."""
    found: dict[str, tuple[Here, str]] = {}
    for group in _toml("exchanges/differences.toml")["group"]:
        for name, parts in group.get(kind, {}).items():
            always = any(not part.endswith(" ?") for part in parts)
            here, before = found.get(name, (Here.CHANCE, ""))
            reason = f"{before} {_sentence(group['ours'])} {_sentence(group['reason'])}".strip()
            found[name] = (Here.DIFFERENT if always else here, reason)
    return found


def _here(*, always: bool, listed: bool) -> Here:
    if always:
        return Here.DIFFERENT
    return Here.CHANCE if listed else Here.SAME


def _sentence(text: str) -> str:
    """Return a text on one line, with a capital and a full stop."""
    first, blank, rest = " ".join(text.split()).partition(" ")
    if first.isalpha() and first.islower():
        first = first.capitalize()
    line = f"{first}{blank}{rest}"
    return line if not line or line.endswith((".", "!", "?")) else f"{line}."


def _link(name: str, path: str) -> str:
    return f"[`{name}`](../tests/functions_host/{path})"


def _toml(path: str) -> Mapping[str, Any]:
    return tomllib.loads((TESTS / path).read_text())
