"""Tests `batchmgr simulate`, with the forecast of the fake Azure Batch in a process of its own."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.batch import models
from azure.batch.aio import BatchClient

from batchmgr.cli import main
from fakebatch.testing import FakeBatchProcess
from tests.fakebatch.driving import add_job, credential, until

FORMULAS = Path(__file__).parents[2] / "examples" / "formulas"
MESSAGE = {
    "jobId": "sweep-001",
    "taskFactory": {
        "type": "parametricSweep",
        "parameters": {"x": {"start": 1, "end": 6}},
        "repeatTask": {"displayName": "solve {x}", "commandLine": "solve {x}"},
        "mergeTask": {"displayName": "merge", "commandLine": "merge"},
    },
}
KILLS = "$TargetDedicatedNodes = max(0, $ActiveTasks.GetSample(1)) > 0 ? 3 : 0;"
SURE = ["--resize", "0s", "--boot", "0s", "--scheduling-delay", "0s", "--runs", "1"]


def simulated(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, Any]:
    assert main(["simulate", *arguments, "-o", "json"]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.fixture
def message(tmp_path: Path) -> str:
    file = tmp_path / "job.json"
    file.write_text(json.dumps(MESSAGE))
    return str(file)


def test_the_tasks_of_a_message_run_in_their_order(message: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = simulated(capsys, message, "--duration", "solve=10m", "--duration", "5m", "--nodes", "1,3", *SURE)
    assert {kind["name"]: kind["tasks"] for kind in found["job"]["kinds"]} == {
        "solve": 6,
        "merge": 1,
        "FinalizeTask": 1,
    }
    one, three = found["variants"]
    assert one["makespanSeconds"]["p50"] == 6 * 600 + 300 + 2
    assert three["makespanSeconds"]["p50"] == 2 * 600 + 300 + 2
    assert three["nodeHours"]["used"]["p50"] == pytest.approx((6 * 600 + 302) / 3600, rel=1e-3)
    assert (one["best"], three["best"]) == (True, True)


def test_a_number_of_tasks_is_simulated_on_spot_nodes_with_prices(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prices = {"currency": "EUR", "region": "we", "asOf": "2026-11-01T00:00:00Z"}
    table = tmp_path / "prices.json"
    table.write_text(json.dumps({**prices, "sizes": {"Standard_D4s_v3": {"dedicated": 1.0, "spot": 0.1}}}))
    options = [
        "--tasks",
        "40",
        "--duration",
        "render=1h",
        "--nodes",
        "4",
        "--spot",
        "1",
        "--prices",
        str(table),
    ]
    found = simulated(capsys, *options, *SURE, "--eviction-rate", "0.2")
    (spot,) = found["variants"]
    assert spot["name"] == "4 nodes spot"
    assert spot["evictions"]["p50"] > 0
    assert spot["nodeHours"]["lost"]["p50"] > 0
    assert spot["cost"]["used"]["p50"] == pytest.approx(4.0, rel=0.01)


def test_tasks_that_wait_for_a_failed_one_never_run(message: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = simulated(capsys, message, "--duration", "1m", "--nodes", "2", "--failure", "1", *SURE)
    assert found["variants"][0]["failedTasks"]["p50"] == 6
    assert any("1 task never run" in warning for warning in found["variants"][0]["warnings"])
    alone = simulated(capsys, "--tasks", "6", "--duration", "1m", "--nodes", "2", "--failure", "1", *SURE)
    assert alone["variants"][0]["warnings"] == []
    assert alone["variants"][0]["makespanSeconds"]["p50"] == 3 * 60 + 2


def test_a_formula_that_never_ends_the_job_is_a_result(
    tmp_path: Path, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    formula = tmp_path / "kills.txt"
    formula.write_text(KILLS)
    options = [message, "--duration", "20m", "--formula", str(formula), "--interval", "5m", *SURE]
    assert main(["simulate", *options, "--horizon", "12h"]) == 1
    told = capsys.readouterr().out
    words = " ".join(told.split())
    assert "kills: does not end, in 1 of 1 runs: the horizon is reached;" in words
    assert "a node that is removed kills its tasks, and they begin again" in words
    assert max(map(len, told.splitlines())) <= 80


def test_a_picture_is_written_beside_the_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "curves.svg"
    assert main(["simulate", "--tasks", "4", "--duration", "1m", "--nodes", "2", "--plot", str(picture)]) == 0
    assert "4 × task" in capsys.readouterr().out
    assert picture.read_text().startswith("<?xml")


def test_a_pool_of_the_account_is_read_with_its_formula(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    formula = (FORMULAS / "by-slots.txt").read_text()

    async def add_pool(endpoint: str) -> None:
        async with BatchClient(endpoint, credential()) as batch:
            pool = models.BatchPoolCreateOptions(
                id="scaled",
                vm_size="small",
                task_slots_per_node=2,
                enable_auto_scale=True,
                auto_scale_formula=formula,
                auto_scale_evaluation_interval=timedelta(minutes=5),
            )
            await batch.create_pool(pool)

    monkeypatch.chdir(tmp_path)
    with FakeBatchProcess("--pool", "hpc=2x4") as fake:
        asyncio.run(add_pool(fake.endpoint))
        for name, text in (("ENDPOINT", fake.endpoint), ("ACCOUNT", fake.account), ("KEY", fake.key)):
            monkeypatch.setenv(f"BATCHMGR_BATCH_{name}", text)
        options = ["--tasks", "16", "--duration", "10m", "--scheduling-delay", "0s", "--runs", "2"]
        found = simulated(capsys, *options, "--pool", "hpc", "--pool", "scaled")
        assert main(["simulate", *options, "--pool", "none"]) == 1
        assert "no pool 'none' in the Batch account; there are: hpc, scaled" in capsys.readouterr().err
    hpc, scaled = found["variants"]
    assert hpc["makespanSeconds"]["p50"] == 2 * 600 + 2
    assert scaled["peakNodes"]["p50"] == 8
    assert scaled["warnings"] == []


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "which job?"),
        (["--tasks", "4", "--duration", "1m"], "on which pool?"),
        (["--tasks", "4", "--nodes", "2"], "nobody knows how long tasks of the kind 'task' take"),
        (["--tasks", "4", "--duration", "soon", "--nodes", "2"], "--duration: 'soon' is not a time"),
        (["--tasks", "4", "--duration", "1m", "--nodes", "9", "--quota", "8"], "more than the quota of 8"),
        (["--tasks", "4", "--duration", "1m", "--nodes", "2,2"], "two pools named '2 nodes'"),
        (["missing.json", "--nodes", "2"], "missing.json: No such file"),
        (["--like", "missing.json"], "missing.json: No such file"),
    ],
)
def test_what_is_missing_is_said(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", *arguments]) == 1
    assert reason in capsys.readouterr().err


def test_a_formula_that_is_no_formula_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    formula = tmp_path / "wrong.txt"
    formula.write_text("$TargetDedicatedNodes = (;")
    assert main(["simulate", "--tasks", "4", "--duration", "1m", "--formula", str(formula)]) == 1
    assert "formula" in capsys.readouterr().err.lower()


async def _really_run(tasks: int, nodes: int, slots: int) -> dict[str, Any]:
    """Run a job on the fake Batch, over HTTP, and return its timeline."""
    plan = "duration=lognormal(10m,0.6) boot=lognormal(4m,0.5) resize=1m scheduling=uniform(1s,4s) seed=11"
    with FakeBatchProcess("--executor", "simulated", "--simulate", plan) as fake:
        async with BatchClient(fake.endpoint, credential()) as batch:
            await add_job(batch, pool_id="later")
            await batch.create_tasks(
                "job",
                [models.BatchTaskCreateOptions(id=f"count-{n}", command_line="c") for n in range(tasks)],
            )
            await batch.create_pool(
                models.BatchPoolCreateOptions(
                    id="later", vm_size="small", target_dedicated_nodes=nodes, task_slots_per_node=slots
                )
            )

            async def over() -> bool:
                return (await batch.get_job_task_counts("job")).task_counts.completed == tasks

            await until(over)
            found = [task async for task in batch.list_tasks("job")]
            created = (await batch.get_job("job")).creation_time
    names = sorted({str(task.node_info.node_id) for task in found if task.node_info})
    infos = [task.execution_info for task in found]
    assert created is not None
    return {
        "jobId": "count-001",
        "kinds": ["count"],
        "nodes": names,
        "states": ["succeeded"],
        "taskId": [task.id for task in found],
        "kind": [0] * tasks,
        "state": [0] * tasks,
        "node": [names.index(str(task.node_info.node_id)) for task in found if task.node_info],
        "start": [(info.start_time - created).total_seconds() for info in infos if info and info.start_time],
        "end": [(info.end_time - created).total_seconds() for info in infos if info and info.end_time],
        "retries": [0] * tasks,
        "requeues": [0] * tasks,
    }


@pytest.mark.parametrize(("nodes", "slots"), [(4, 2), pytest.param(6, 1, marks=pytest.mark.thorough)])
def test_a_job_that_really_ran_is_predicted(
    tmp_path: Path, nodes: int, slots: int, capsys: pytest.CaptureFixture[str]
) -> None:
    timeline = tmp_path / "timeline.json"
    timeline.write_text(json.dumps(asyncio.run(_really_run(120, nodes, slots))))
    found = simulated(capsys, "--like", str(timeline), "--nodes", "20", "--runs", "15")
    was, twenty = found["variants"]
    assert was["name"] == "as it was"
    predicted, real = found["prediction"]["predictedSeconds"], found["prediction"]["realSeconds"]
    assert (found["prediction"]["variant"], found["prediction"]["nodes"]) == ("as it was", nodes)
    curves = found["prediction"]["realCurves"]
    assert (curves["seconds"][-1], curves["ended"][-1]) == (pytest.approx(real, abs=0.001), 120)
    assert max(curves["busy"]) == nodes
    used = was["nodeHours"]["used"]["p50"]
    assert found["prediction"]["realNodeHoursUsed"] == pytest.approx(used, rel=0.12)
    assert real > 120 * 600 / (nodes * slots)
    assert predicted["p50"] == pytest.approx(real, rel=0.12)
    assert twenty["makespanSeconds"]["p50"] < was["makespanSeconds"]["p50"]
    assert main(["simulate", "--like", str(timeline), "--runs", "5"]) == 0
    assert f"count-001 on its {nodes} nodes of {slots} slot" in capsys.readouterr().out.replace("\n", " ")
