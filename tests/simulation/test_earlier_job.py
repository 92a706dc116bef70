"""What the timeline of an earlier job tells."""

import json
from typing import Any

import pytest

from batchmgr.errors import SimulationError
from batchmgr.simulation.earlier_job import earlier_job, read_timeline
from batchmgr.simulation.simulate import pool_as_it_was

TIMELINE: dict[str, Any] = {
    "jobId": "kmers-001",
    "asOf": "2026-11-28T10:00:00Z",
    "origin": "2026-11-28T09:00:00Z",
    "total": 6,
    "kinds": ["count", "merge", "FinalizeTask"],
    "nodes": ["tvm-1", "tvm-2"],
    "states": ["succeeded", "failed"],
    "errors": [],
    "taskId": ["count-1", "count-2", "count-3", "count-4", "merge", "batchmgr-finalize"],
    "kind": [0, 0, 0, 0, 1, 2],
    "state": [0, 0, 1, 0, 0, 0],
    "node": [0, 1, 0, 0, 1, 1],
    "start": [60, 100, 60, 165, 300, 402],
    "end": [160, 280, 160, 290, 400, 404],
    "exitCode": [0, 0, 1, 0, 0, 0],
    "error": [-1, -1, -1, -1, -1, -1],
    "retries": [0, 0, 2, 0, 0, 0],
    "requeues": [0, 1, 0, 0, 0, 0],
    "lost": {"task": [1], "node": [0], "start": [62], "end": [92]},
}


def test_an_earlier_job_tells_how_long_its_tasks_took_and_where() -> None:
    job = earlier_job(TIMELINE)
    assert job.has_ended
    assert job.makespan_s == 404
    assert job.durations["count"].samples == [100, 180, 100, 125]
    assert job.durations["count"].failure == 0.25
    assert job.durations["merge"].failure == 0
    assert (job.slots, job.ready, job.requeues, job.lost_s) == (2, [60, 100], 1, 30)
    assert job.shape.counts == {"count": 4, "merge": 1, "FinalizeTask": 1}
    assert max(job.shape.retries) == 2


def test_an_earlier_job_has_the_curves_of_what_happened() -> None:
    job = earlier_job(TIMELINE)
    assert job.work_s == 100 + 180 + 100 + 125 + 100 + 2
    rows = list(zip(job.curves.seconds, job.curves.ended, job.curves.busy, strict=True))
    assert rows[::60] == [(0, 0, 0), (101, 0, 2), (202, 2, 2), (303, 4, 1), (404, 6, 0)]


def test_the_usual_gap_between_two_tasks_is_the_delay_of_a_start() -> None:
    # 160 → 165 and 280 → 300 and 400 → 402.
    assert sorted(earlier_job(TIMELINE).gaps) == [2, 5, 20]
    pool = pool_as_it_was(earlier_job(TIMELINE))
    assert (pool.dedicated, pool.slots, pool.ready) == (2, 2, [55, 95])


def test_kinds_that_begin_when_others_are_over_wait_for_them() -> None:
    job = earlier_job(TIMELINE)
    assert [list(others) for others in job.shape.depends_on] == [[], [], [], [], [0, 1, 2, 3], [4]]
    assert job.guesses == (
        "merge tasks wait for all count tasks, as it seems: all of them started later",
        "FinalizeTask tasks wait for all merge tasks, as it seems: all of them started later",
    )


def test_a_job_that_runs_tells_what_it_knows() -> None:
    job = earlier_job(
        {**TIMELINE, "end": [160, 280, 160, 290, None, None], "start": [60, 100, 60, 165, 300, None]}
    )
    assert not job.has_ended
    assert job.makespan_s == 290
    assert "merge" not in job.durations


def test_a_timeline_whose_job_has_the_state_names_that_of_tasks_otherwise() -> None:
    job = earlier_job({**TIMELINE, "state": "succeeded", "taskState": TIMELINE["state"]})
    assert job.durations["count"].failure == 0.25


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[]", "no timeline"),
        ("{}", "it lacks"),
        (json.dumps({**TIMELINE, "end": [1]}), "no timeline"),
        (json.dumps({**TIMELINE, "end": [None] * 6}), "no task of the job kmers-001 has ended"),
    ],
)
def test_what_is_no_timeline_is_refused(text: str, reason: str) -> None:
    with pytest.raises(SimulationError, match=reason):
        read_timeline(text)
