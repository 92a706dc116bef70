"""Forecasts of whole jobs: exact in small cases, within proven bounds elsewhere, and the same each time."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakebatch.errors import BatchError
from fakebatch.forecast.forecast_request import read_request
from fakebatch.forecast.forecast_run import run_once

HALVING = """
samples = $ActiveTasks.GetSamplePercent(TimeInterval_Minute * 15);
tasks = samples < 70 ? max(0, $ActiveTasks.GetSample(1)) :
    max($ActiveTasks.GetSample(1), avg($ActiveTasks.GetSample(TimeInterval_Minute * 15)));
$TargetDedicatedNodes = max(0, min(tasks > 0 ? tasks : $TargetDedicatedNodes / 2, 25));
"""
"""As many nodes as tasks wait, else half of the nodes. Running tasks are killed, as the default says."""


def job(count: int, duration: str = "10m", **columns: Any) -> dict[str, Any]:
    """Return a request for tasks of one kind, without variants. What takes time only takes it if given."""
    return {
        "tasks": {"kind": [0] * count, **columns},
        "kinds": [{"name": "count", "duration": duration}],
        "horizonSeconds": 7 * 86_400,
    }


def run(body: dict[str, Any], number: int = 0, **variant: Any) -> dict[str, Any]:
    request = read_request({**body, "variants": [{"name": "it", **variant}]})
    return run_once(request, request.variants[0], number)


@pytest.mark.parametrize(
    ("tasks", "nodes", "slots", "rounds"), [(1, 1, 1, 1), (10, 4, 1, 3), (40, 4, 4, 3), (16, 4, 4, 1)]
)
def test_equal_tasks_run_in_rounds(tasks: int, nodes: int, slots: int, rounds: int) -> None:
    found = run(job(tasks), dedicated=nodes, slots=slots)
    assert found["makespan"] == pytest.approx(rounds * 600)
    spent = found["nodeSeconds"]["dedicated"]
    assert spent["held"] == pytest.approx(nodes * rounds * 600)
    assert spent["used"] == pytest.approx(tasks * 600 / slots)
    assert spent["boot"] == spent["lost"] == 0


def test_machines_nodes_and_tasks_take_their_time() -> None:
    body = job(2)
    body["assumptions"] = {"resize": "1m", "boot": "4m", "startTask": "30s", "scheduling": "3s"}
    found = run(body, dedicated=1)
    assert found["makespan"] == pytest.approx(60 + 240 + 30 + 2 * (3 + 600))
    spent = found["nodeSeconds"]["dedicated"]
    assert spent["boot"] == pytest.approx(240 + 30)
    assert spent["used"] == pytest.approx(2 * 600)
    assert spent["idle"] == pytest.approx(2 * 3)
    # The second waits for all that, and for the first.
    assert found["waits"]["p99"] == pytest.approx(0.99 * found["waits"]["p50"] + 0, rel=1)
    assert found["waits"]["p50"] == pytest.approx((333 + 333 + 603) / 2)


def test_a_task_waits_from_the_end_of_those_it_depends_on() -> None:
    found = run(job(3, dependsOn=[[], [0], [0, 1]]), dedicated=3)
    assert found["makespan"] == pytest.approx(3 * 600)
    assert found["chain"] == pytest.approx(3 * 600)
    assert found["waits"] == {"p50": 0, "p90": 0, "p99": 0}


def test_a_failing_task_is_retried_and_those_that_depend_on_it_never_run() -> None:
    body = job(3, retries=2, dependsOn=[[], [], [0, 1]])
    body["kinds"][0]["failure"] = 1
    found = run(body, dedicated=2)
    assert found["ended"]
    assert found["tasks"] == {"succeeded": 0, "failed": 2, "neverRan": 1}
    assert found["retries"] == 4
    assert found["nodeSeconds"]["dedicated"]["lost"] == pytest.approx(4 * 600)


def test_a_failed_task_that_satisfies_lets_those_run_that_wait_for_it() -> None:
    body = job(3, satisfies=[True, True, False], dependsOn=[[], [], [0, 1]])
    body["kinds"][0]["failure"] = 1
    assert run(body, dedicated=2)["tasks"] == {"succeeded": 0, "failed": 3, "neverRan": 0}


def test_a_task_ends_at_its_time_limit() -> None:
    found = run(job(1, "3h", limitSeconds=60), dedicated=1)
    assert found["makespan"] == pytest.approx(60)
    assert found["tasks"]["failed"] == 1


def test_a_task_of_several_nodes_uses_all_of_them() -> None:
    found = run(job(2, nodes=[3, 1]), dedicated=3)
    assert found["makespan"] == pytest.approx(1200)
    assert found["nodeSeconds"]["dedicated"]["used"] == pytest.approx(4 * 600)


@given(
    durations=st.lists(st.integers(1, 90), min_size=1, max_size=40),
    machines=st.integers(1, 8),
    data=st.data(),
)
def test_no_job_takes_longer_than_list_scheduling_can(
    durations: list[int], machines: int, data: st.DataObject
) -> None:
    """Graham's bound: (2 - 1/m) times the best, of which chain and work are lower bounds."""
    depends_on = [
        data.draw(st.lists(st.integers(0, index - 1), max_size=3, unique=True)) if index else []
        for index in range(len(durations))
    ]
    body = {
        "tasks": {"kind": list(range(len(durations))), "dependsOn": depends_on},
        "kinds": [{"name": str(n), "duration": f"{lasts}s"} for n, lasts in enumerate(durations)],
    }
    found = run(body, dedicated=machines)
    best = max(found["chain"], found["work"] / machines)
    assert found["work"] == pytest.approx(sum(durations))
    assert best <= found["makespan"] * (1 + 1e-9)
    assert found["makespan"] <= found["chain"] * (1 - 1 / machines) + found["work"] / machines + 1e-6


def test_a_lost_node_costs_its_work_and_not_the_length_of_its_tasks() -> None:
    body = job(60, "lognormal(10m,0.8)")
    quiet, stormy = run(body, spot=10), run(body, spot=10, evictionRate=0.5)
    assert stormy["evictions"] > 0
    assert stormy["requeues"] > 0
    # The runs that complete the tasks are the same.
    assert stormy["work"] == pytest.approx(quiet["work"])
    spent = stormy["nodeSeconds"]["spot"]
    assert spent["used"] == pytest.approx(quiet["nodeSeconds"]["spot"]["used"])
    assert spent["lost"] > 0
    assert spent["held"] == pytest.approx(sum(spent[name] for name in ("boot", "used", "lost", "idle")))
    assert stormy["makespan"] > quiet["makespan"]


def test_a_formula_that_kills_the_last_task_again_and_again_never_ends() -> None:
    found = run(job(60, "lognormal(10m,0.8)"), formula=HALVING, intervalSeconds=300)
    assert not found["ended"]
    assert found["reason"] == "no task has ended in 72 hours"
    assert found["tasks"]["neverRan"] >= 1
    assert found["requeues"] > 100


def test_the_same_formula_with_taskcompletion_ends() -> None:
    formula = f"{HALVING} $NodeDeallocationOption = taskcompletion;"
    found = run(job(60, "lognormal(10m,0.8)"), formula=formula, intervalSeconds=300)
    assert found["ended"]
    assert found["requeues"] == 0
    assert found["peakNodes"] == 25
    assert 600 * 60 / 25 < found["makespan"] < 3 * 3600


def test_a_formula_meets_its_quota_and_its_errors_are_told() -> None:
    formula = "$TargetDedicatedNodes = 50; $TargetLowPriorityNodes = 50;"
    found = run(job(5), formula=formula, intervalSeconds=300, mostNodes={"dedicated": 3, "spot": 0})
    assert found["peakNodes"] == 3
    assert found["makespan"] == pytest.approx(1200, abs=330)
    wrong = run(
        job(5), formula="$TargetDedicatedNodes = $CPUPercent.GetSample(1) / none;", intervalSeconds=300
    )
    assert not wrong["ended"]
    assert "Unknown identifier 'none'" in "".join(wrong["formulaErrors"])


def test_a_formula_that_is_no_formula_is_refused() -> None:
    with pytest.raises(BatchError):
        run(job(1), formula="$TargetDedicatedNodes = ;")


def test_nodes_that_stay_after_the_end_are_paid_for() -> None:
    formula = "$TargetDedicatedNodes = max(0, $PendingTasks.GetSample(1)) > 0 ? 4 : 0;"
    found = run(job(4), formula=formula, intervalSeconds=300)
    spent = found["nodeSeconds"]["dedicated"]
    assert spent["used"] == pytest.approx(4 * 600)
    assert spent["held"] > 4 * 600


def test_a_run_is_given_up_at_its_horizon() -> None:
    body = {**job(10, "10h"), "horizonSeconds": 86_400}
    found = run(body, dedicated=1)
    assert not found["ended"]
    assert found["makespan"] == pytest.approx(86_400)
    assert found["tasks"]["succeeded"] == 2


def test_curves_show_tasks_and_nodes_over_time() -> None:
    curves = run(job(8), dedicated=4)["curves"]
    assert curves["seconds"][0] == 0
    assert curves["seconds"][-1] == pytest.approx(1200)
    assert curves["running"][1:-2] == [4] * (len(curves["running"]) - 3)
    assert curves["active"][1] == 4
    assert set(curves["nodes"]) == {4}


def _printed(body: dict[str, Any], **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fakebatch.forecast"],
        input=json.dumps(body),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": "emulators", **environment},
    )


def test_the_same_seed_gives_the_same_result_in_every_process() -> None:
    body = {**job(80, "lognormal(10m,0.8)"), "runs": 3, "seed": 7}
    body["assumptions"] = {"boot": "lognormal(4m,0.5)", "scheduling": "uniform(1s,5s)"}
    body["variants"] = [
        {"name": "spot", "spot": 6, "slots": 2, "evictionRate": 0.3},
        {"name": "scaled", "formula": HALVING + "$NodeDeallocationOption = taskcompletion;"},
    ]
    first, second = _printed(body, PYTHONHASHSEED="1"), _printed(body, PYTHONHASHSEED="2")
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    runs = json.loads(first.stdout)["variants"][0]["runs"]
    assert len({found["makespan"] for found in runs}) == 3
    other = json.loads(_printed({**body, "seed": 8}).stdout)
    assert other["variants"][0]["runs"] != runs


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"kinds": [{"name": "a", "duration": "soon"}]}, "'soon' is not"),
        ({"tasks": {"kind": []}}, "a job needs a task"),
        ({"tasks": {"kind": [0, 1]}}, "tasks.kind has an index"),
        ({"tasks": {"kind": [0], "dependsOn": [[3]]}}, "tasks.dependsOn has an index"),
        ({"tasks": {"kind": [0], "slots": [1, 1]}}, "tasks.slots has 2 entries for 1 tasks"),
        ({"variants": [{"name": "a", "formula": "$x = ("}]}, "AutoScalingFormulaSyntaxError"),
        ({"colour": "red"}, "'colour' is not one of"),
    ],
)
def test_a_request_that_is_wrong_is_refused(change: dict[str, Any], reason: str) -> None:
    body = {**job(1), "variants": [{"name": "one", "dedicated": 1}], **change}
    answer = _printed(body)
    assert answer.returncode == 2
    assert reason in answer.stderr


FORMULAS = (
    None,
    "$TargetDedicatedNodes = min(4, max(0, $PendingTasks.GetSample(1)));"
    "$NodeDeallocationOption = taskcompletion;",
    "$TargetLowPriorityNodes = 1 + 3 * rand(); $TargetDedicatedNodes = 1;",
)


@given(
    formula=st.sampled_from(FORMULAS),
    durations=st.lists(st.integers(1, 40), min_size=1, max_size=15),
    dedicated=st.integers(1, 3),
    spot=st.integers(0, 3),
    slots=st.integers(1, 3),
    evictions=st.sampled_from([0.0, 2.0]),
    failure=st.sampled_from([0.0, 0.3]),
    retries=st.integers(0, 2),
    seed=st.integers(0, 5),
)
def test_the_books_are_right_whatever_happens(
    formula: str | None,
    durations: list[int],
    dedicated: int,
    spot: int,
    slots: int,
    evictions: float,
    failure: float,
    retries: int,
    seed: int,
) -> None:
    count = len(durations)
    body = {
        "tasks": {
            "kind": list(range(count)),
            "retries": retries,
            "dependsOn": [[index - 1] if index % 3 == 2 else [] for index in range(count)],
        },
        "kinds": [
            {"name": str(n), "duration": f"{lasts}m", "failure": failure} for n, lasts in enumerate(durations)
        ],
        "assumptions": {"resize": "1m", "boot": "uniform(1m,9m)", "startTask": "30s", "scheduling": "2s"},
        "seed": seed,
    }
    size = {"formula": formula, "intervalSeconds": 300} if formula else {"dedicated": dedicated, "spot": spot}
    found = run(body, slots=slots, evictionRate=evictions, **size)
    assert found["ended"]
    assert sum(found["tasks"].values()) == count
    for spent in found["nodeSeconds"].values():
        assert spent["held"] == pytest.approx(sum(spent[part] for part in ("boot", "used", "lost", "idle")))
        assert min(spent.values()) > -1e-6
    held = sum(spent["held"] for spent in found["nodeSeconds"].values())
    used = sum(spent["used"] for spent in found["nodeSeconds"].values())
    assert used * slots == pytest.approx(found["work"])
    assert held <= found["peakNodes"] * (found["makespan"] + 7200) + 1e-6
    assert found["chain"] <= found["makespan"] + 1e-6
    if not failure:
        assert found["work"] == pytest.approx(60 * sum(durations))
        assert found["tasks"]["succeeded"] == count
    assert all(wait >= -1e-6 for wait in found["waits"].values() if wait is not None)
    assert found == run(body, slots=slots, evictionRate=evictions, **size)
