"""The comparison finds a recording equal to itself, and unequal to one that lacks something."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from tests.functions_host.recordings.comparison import compare
from tests.functions_host.recordings.rounds import RECORDINGS
from tests.functions_host.recordings.timings import agrees

_PATHS = sorted(RECORDINGS.glob("*.json"))


def _as_replay(recording: dict[str, Any]) -> dict[str, Any]:
    """Return a recording in the form of a replay, with the times of its first run."""
    times = {name: runs[0] for name, runs in recording.get("times", {}).items()}
    return {"seen": copy.deepcopy(recording["seen"]), "times": times}


@pytest.mark.parametrize("path", _PATHS, ids=lambda path: path.stem)
def test_a_recording_is_equal_to_itself(path: Path) -> None:
    recording = json.loads(path.read_text())
    assert compare(recording, _as_replay(recording)) == []


def test_a_line_that_is_missing_is_found() -> None:
    recording = json.loads((RECORDINGS / "queue-success.json").read_text())
    replay = _as_replay(recording)
    line = replay["seen"]["timeline"].pop()
    (difference,) = compare(recording, replay)
    assert (difference.fact, difference.lines) == ("timeline", (f"-{line}",))


def test_a_queue_that_is_too_much_is_found() -> None:
    recording = json.loads((RECORDINGS / "queue-success.json").read_text())
    replay = _as_replay(recording)
    replay["seen"]["end"]["queues"]["more"] = {"messages": 1}
    (difference,) = compare(recording, replay)
    assert (difference.fact, difference.lines) == ("end.queues.more", ("+messages: 1",))


def test_a_time_may_differ_by_half_a_second() -> None:
    name = "seconds between starts"
    assert agrees(name, [[5.0, 5.0]], [4.6, 5.4])
    assert not agrees(name, [[5.0, 5.0]], [5.0, 6.0])


def test_a_retry_may_wait_for_one_poll_more() -> None:
    name = "seconds from a failure to the next attempt"
    assert agrees(name, [[3.2, 3.2]], [3.1, 4.2])
    assert not agrees(name, [[0.1, 3.2]], [0.9, 3.2])


def test_a_random_pause_may_lie_anywhere_around_its_nominal_length() -> None:
    name = "pauses between polls of an empty queue, s"
    assert agrees(name, [[12.0, 27.1], [11.0, 25.8]], [15.5, 30.0])
    assert not agrees(name, [[12.0, 27.1], [11.0, 25.8]], [20.0, 30.0])


def test_a_time_without_a_rule_is_not_compared() -> None:
    assert agrees("seconds from sending to start", [1.0], 9.0)
