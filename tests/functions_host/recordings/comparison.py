"""Where a replay differs from its recording."""

import difflib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.functions_host.recordings.timings import agrees

_LOST_RACE = re.compile(r"POST .*/messages -> 404|PUT [^/ ]+ -> 204")
# Requests that come in any number at any time.
_NOT_COMPARED = ("background",)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One fact that is not as it was recorded."""

    fact: str
    """Where it stands in the recording, such as `timeline`, `end.queues.queue1` or `times.NAME`."""
    lines: tuple[str, ...]
    """What differs: `-` the recording, `+` the replay."""

    def __str__(self) -> str:
        return "\n".join([f"{self.fact}:", *(f"  {line}" for line in self.lines)])


def compare(recording: dict[str, Any], replay: dict[str, Any]) -> list[Difference]:
    """Return what differs in a replay."""
    recorded, seen = _plain(recording["seen"]), _plain(replay["seen"])
    if len({options.get("host", "A") for options in recording["options"]}) == 1:
        _forget_scan_lock(recorded)
        _forget_scan_lock(seen)
    if "counts" in recorded:
        _forget_races(recorded["counts"])
        _forget_races(seen["counts"])
    if "options" in recorded:
        # The recorded host printed all its options. Others show only some, by what they do.
        recorded["options"] = {k: v for k, v in recorded["options"].items() if k in seen["options"]}
    if "order in the other run" in recording.get("varies", {}).get("timeline", {}):
        recorded["timeline"], seen["timeline"] = sorted(recorded["timeline"]), sorted(seen["timeline"])
    return [*_facts(recorded, seen), *_times(recording.get("times", {}), replay["times"])]


def _facts(recorded: dict[str, Any], seen: dict[str, Any]) -> Iterator[Difference]:
    left, right = dict(_leaves(recorded)), dict(_leaves(seen))
    for fact in dict.fromkeys([*left, *right]):
        if fact not in _NOT_COMPARED and left.get(fact) != right.get(fact):
            yield Difference(fact=fact, lines=_diff(left.get(fact), right.get(fact)))


def _times(recorded: dict[str, Any], measured: dict[str, Any]) -> Iterator[Difference]:
    for name, value in measured.items():
        if name in recorded and not agrees(name, recorded[name], value):
            lines = (f"-{json.dumps(recorded[name][0])}", f"+{json.dumps(_rounded(value))}")
            yield Difference(fact=f"times.{name}", lines=lines)


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Give the facts in a document: each queue, each container, all counts, and whatever is not an object."""
    inner_is_fact = path in ("counts", "stored", "options") or path.startswith(
        ("end.queues.", "end.containers.")
    )
    if isinstance(value, dict) and not inner_is_fact:
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else key)
    else:
        yield path, value


def _diff(recorded: Any, seen: Any) -> tuple[str, ...]:
    lines = difflib.unified_diff(_lines(recorded), _lines(seen), lineterm="", n=0)
    return tuple(line for line in list(lines)[2:] if not line.startswith("@@"))


def _lines(value: Any) -> list[str]:
    if isinstance(value, list):
        return [line if isinstance(line, str) else json.dumps(line) for line in value]
    if isinstance(value, dict):
        return [f"{key}: {json.dumps(inner, ensure_ascii=False)}" for key, inner in sorted(value.items())]
    return [] if value is None else [json.dumps(value)]


def _rounded(value: Any) -> Any:
    if isinstance(value, list):
        return [_rounded(inner) for inner in value]
    return round(value, 1) if isinstance(value, float) else value


def _plain(value: Any) -> Any:
    """Drop from all lines what apps cannot tell."""
    if isinstance(value, dict):
        return {_plain_line(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return _plain_line(value) if isinstance(value, str) else value


def _plain_line(line: str) -> str:
    """Drop the layout of JSON, how a blob's content is asked for, and the size of a batch of blobs."""
    line = re.sub(r"(blobtrigger-probe/messages) numofmessages=\d+", r"\1 numofmessages=N", line)
    line = re.sub(r"JSON on \d+ lines", "JSON", line)
    line = line.replace(' if-match: "ETAG"', "")
    line = re.sub(r"^(GET .*) -> 206", r"\1 -> 200", line)
    return line.replace('": "', '":"').replace('", "', '","')


def _forget_scan_lock(seen: dict[str, Any]) -> None:
    """Drop the lock of the blob scan. It has a meaning only where there are two hosts."""
    for blobs in seen["end"]["containers"].values():
        blobs[:] = [blob for blob in blobs if not blob.startswith("locks/probe/WebJobs")]


def _forget_races(counts: dict[str, int]) -> None:
    """Drop how many senders found a queue missing, and found that another one had created it."""
    for line in [line for line in counts if _LOST_RACE.match(line)]:
        del counts[line]
