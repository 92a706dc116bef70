"""What a simulation knows of a job: its tasks, their kinds, and how long they take."""

from datetime import timedelta

import pytest

from batchmgr.errors import SimulationError
from batchmgr.plan.job_plan import TaskPlan
from batchmgr.simulation.durations import Duration, durations_of, named, seconds, typical_s
from batchmgr.simulation.job_shape import shape_of_count, shape_of_tasks


def test_the_tasks_of_a_plan_become_columns() -> None:
    shape = shape_of_tasks(
        [
            TaskPlan(id="count-1", command_line="c", required_slots=2, max_task_retry_count=3),
            TaskPlan(id="count-2", command_line="c", max_wall_clock_time=timedelta(minutes=5)),
            TaskPlan(id="merge", command_line="m", depends_on=("COUNT-2", "count-1")),
            TaskPlan(id="batchmgr-finalize", command_line="f", depends_on=("merge",)),
        ]
    )
    assert shape.kinds == ("count", "merge", "FinalizeTask")
    assert shape.counts == {"count": 2, "merge": 1, "FinalizeTask": 1}
    assert shape.own_kinds == {"FinalizeTask"}
    assert shape.as_json() == {
        "kind": [0, 0, 1, 2],
        "slots": [2, 1, 1, 1],
        "retries": [3, 0, 0, 0],
        "nodes": [1, 1, 1, 1],
        "limitSeconds": [None, 300, None, None],
        "satisfies": [True, True, True, True],
        "dependsOn": [[], [], [1, 0], [2]],
    }


def test_a_number_of_tasks_has_a_finalize_task_too() -> None:
    shape = shape_of_count(3, "render")
    assert shape.counts == {"render": 3, "FinalizeTask": 1}
    assert list(shape.depends_on[-1]) == [0, 1, 2]


@pytest.mark.parametrize(
    ("text", "middle"),
    [
        ("90s", 90),
        ("1.5h", 5400),
        ("uniform(1m, 3m)", 120),
        ("exponential(2m)", 120),
        ("lognormal(10m,0.8)", 600),
        ("samples(1s,5s,3s)", 3),
    ],
)
def test_a_distribution_has_a_typical_time(text: str, middle: float) -> None:
    assert typical_s(text) == pytest.approx(middle)


@pytest.mark.parametrize("text", ["10", "soon", "uniform(1m)", "lognormal(1m,-1)", "normal(1m,2m)", "-3m"])
def test_what_is_no_distribution_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        typical_s(text)


def test_durations_come_from_the_call_before_an_earlier_job() -> None:
    shape = shape_of_tasks(
        [TaskPlan(id=f"{kind}-1", command_line="c") for kind in ("a", "b", "c", "batchmgr-gather")]
    )
    earlier = {name: Duration(samples=(1.0, 2.0, 3.0), failure=0.25) for name in ("a", "b")}
    found = durations_of(shape, named(["a=5m", "1m"]), earlier, failure=0.5)
    assert found["a"] == Duration(text="5m", failure=0.5)
    assert found["b"] == Duration(samples=(1.0, 2.0, 3.0), failure=0.5)
    assert found["c"] == Duration(text="1m", failure=0.5)
    assert found["batchmgr-gather"] == Duration(text="2s")
    assert durations_of(shape, named(["1m"]), earlier)["b"].failure == 0.25


def test_a_kind_of_which_nobody_knows_anything_is_named() -> None:
    shape = shape_of_count(2, "render")
    with pytest.raises(SimulationError, match="--duration 'render=10m'"):
        durations_of(shape, {}, {})
    with pytest.raises(SimulationError, match="no task is of the kind 'rend'; there are: render"):
        durations_of(shape, named(["rend=1m"]), {})
    with pytest.raises(ValueError, match="two durations for render"):
        named(["render=1m", "render=2m"])


def test_units_of_times() -> None:
    assert [seconds(text) for text in ("250ms", "2s", "1.5m", "1h")] == [0.25, 2, 90, 3600]
