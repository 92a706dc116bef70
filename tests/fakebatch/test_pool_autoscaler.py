"""Pools with automatic scaling."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.batch import models
from azure.batch.aio import BatchClient
from azure.core.exceptions import HttpResponseError

from fakebatch.bodies.pool_bodies import accept_pool
from fakebatch.engine import Engine
from fakebatch.execution.directory_layout import Layout
from fakebatch.execution.process_executor import ProcessExecutor
from fakebatch.model import pool_entity as pools
from fakebatch.persistence.journal_reader import restore
from fakebatch.persistence.state_directory import open_state
from fakebatch.pool_autoscaler import PoolAutoscaler
from fakebatch.store import Store
from fakebatch.stored_pool import StoredPool
from fakebatch.wire import timestamps
from tests.fakebatch.driving import add_job, add_task, until
from tests.fakebatch.raw_http import request

_START = timestamps.from_iso("2026-03-01T12:00:00Z")


async def _create(batch: BatchClient, formula: str, **options: Any) -> None:
    pool = models.BatchPoolCreateOptions(
        id="auto", vm_size="small", enable_auto_scale=True, auto_scale_formula=formula, **options
    )
    await batch.create_pool(pool)


async def _evaluated(batch: BatchClient, pool_id: str = "auto") -> models.BatchPool:
    """Return a pool when its formula was evaluated and its number of nodes has changed accordingly."""

    async def done() -> bool:
        pool = await batch.get_pool(pool_id)
        return pool.auto_scale_run is not None and pool.allocation_state == "steady"

    await until(done)
    return await batch.get_pool(pool_id)


async def test_a_formula_sizes_a_new_pool(batch: BatchClient) -> None:
    await _create(batch, "n = 2; $TargetDedicatedNodes = n; $TargetLowPriorityNodes = 1")
    pool = await _evaluated(batch)
    assert (pool.current_dedicated_nodes, pool.current_low_priority_nodes) == (2, 1)
    assert pool.auto_scale_evaluation_interval == timedelta(minutes=15)
    assert pool.auto_scale_run is not None
    assert pool.auto_scale_run.error is None
    assert pool.auto_scale_run.results == (
        "$TargetDedicatedNodes=2;$TargetLowPriorityNodes=1;$NodeDeallocationOption=requeue;n=2"
    )


async def test_a_formula_follows_the_tasks_of_the_pool(batch: BatchClient) -> None:
    await add_job(batch, pool_id="auto")
    for number in range(3):
        await add_task(batch, f"t{number}", "sleep 600")
    await _create(batch, "$TargetDedicatedNodes = max($PendingTasks.GetSample(1))")
    pool = await _evaluated(batch)
    assert pool.current_dedicated_nodes == 3
    formula = "$TargetDedicatedNodes = $PendingTasks + $CurrentDedicatedNodes * 10"
    asked = models.BatchPoolEvaluateAutoScaleOptions(auto_scale_formula=formula)
    run = await batch.evaluate_pool_auto_scale("auto", asked)
    assert run.results is not None
    assert run.results.startswith("$TargetDedicatedNodes=33;")


async def test_active_tasks_are_those_that_wait_for_nodes_and_no_other_task(batch: BatchClient) -> None:
    await add_job(batch, pool_id="auto", uses_task_dependencies=True)
    await add_task(batch, "first")
    await add_task(batch, "then", depends_on=models.BatchTaskDependencies(task_ids=["first"]))
    several = models.MultiInstanceSettings(number_of_instances=3, coordination_command_line="true")
    await add_task(batch, "wide", multi_instance_settings=several)
    inter_node: Any = {"enable_inter_node_communication": True}
    await _create(batch, "active = $ActiveTasks; running = $RunningTasks", **inter_node)
    run = (await _evaluated(batch)).auto_scale_run
    assert run is not None
    assert run.results is not None
    assert run.results.endswith(";active=4;running=0")


async def test_a_formula_is_enabled_and_disabled(batch: BatchClient) -> None:
    enabling = models.BatchPoolEnableAutoScaleOptions(
        auto_scale_formula="$TargetDedicatedNodes = 0", auto_scale_evaluation_interval=timedelta(minutes=6)
    )
    await batch.enable_pool_auto_scale("hpc", enabling)
    pool = await _evaluated(batch, "hpc")
    assert (pool.enable_auto_scale, pool.current_dedicated_nodes) == (True, 0)
    assert pool.auto_scale_evaluation_interval == timedelta(minutes=6)
    targets = models.BatchPoolResizeOptions(target_dedicated_nodes=1)
    with pytest.raises(HttpResponseError, match="OperationNotValidOnPool"):
        await batch.begin_resize_pool("hpc", targets, polling_interval=0)
    with pytest.raises(HttpResponseError, match="TooManyEnableAutoScaleRequests"):
        await batch.enable_pool_auto_scale("hpc", enabling, retry_total=0)
    await batch.disable_pool_auto_scale("hpc")
    pool = await batch.get_pool("hpc")
    assert (pool.enable_auto_scale, pool.auto_scale_formula, pool.auto_scale_run) == (False, None, None)
    assert pool.target_dedicated_nodes == 0


async def test_an_auto_pool_follows_its_formula(batch: BatchClient) -> None:
    specification = models.BatchPoolSpecification(
        vm_size="small", enable_auto_scale=True, auto_scale_formula="$TargetDedicatedNodes = 2"
    )
    auto = models.BatchAutoPoolSpecification(pool_lifetime_option="job", pool=specification)
    info = models.BatchPoolInfo(auto_pool_specification=auto)
    await batch.create_job(models.BatchJobCreateOptions(id="job", pool_info=info))
    job = await batch.get_job("job")
    assert job.execution_info is not None
    pool = await _evaluated(batch, str(job.execution_info.pool_id))
    assert (pool.current_dedicated_nodes, pool.auto_scale_evaluation_interval) == (2, timedelta(minutes=15))
    specification.auto_scale_formula = "$TargetDedicatedNodes ="
    with pytest.raises(HttpResponseError, match="AutoScalingFormulaSyntaxError"):
        await batch.create_job(models.BatchJobCreateOptions(id="other", pool_info=info))


async def test_an_evaluation_changes_nothing(batch: BatchClient) -> None:
    await _create(batch, "$TargetDedicatedNodes = 1")
    await _evaluated(batch)
    asked = models.BatchPoolEvaluateAutoScaleOptions(auto_scale_formula="$something_useless")
    run = await batch.evaluate_pool_auto_scale("auto", asked)
    assert run.error is not None
    assert run.error.code == "AutoScalingFormulaEvaluationError"
    assert run.results == "$TargetDedicatedNodes=1;$TargetLowPriorityNodes=0;$NodeDeallocationOption=requeue"
    assert (await batch.get_pool("auto")).target_dedicated_nodes == 1
    with pytest.raises(HttpResponseError, match="OperationInvalidForCurrentState"):
        await batch.evaluate_pool_auto_scale("hpc", asked)


_POOL = {"id": "p", "vmSize": "small", "enableAutoScale": True, "autoScaleFormula": "x = 1"}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({**_POOL, "autoScaleFormula": "x ="}, "AutoScalingFormulaSyntaxError"),
        ({**_POOL, "autoScaleFormula": "x = 1;" * 2000}, "AutoScalingFormulaTooLong"),
        ({**_POOL, "autoScaleFormula": None}, "MissingRequiredProperty"),
        ({**_POOL, "autoScaleEvaluationInterval": "PT4M59S"}, "InvalidPropertyValue"),
        ({**_POOL, "autoScaleEvaluationInterval": "P8D"}, "InvalidPropertyValue"),
        ({**_POOL, "targetDedicatedNodes": 1}, "InvalidPropertyValue"),
        ({**_POOL, "enableAutoScale": False}, "InvalidPropertyValue"),
    ],
)
async def test_settings_the_service_cannot_accept_are_refused(endpoint: str, body: Any, code: str) -> None:
    reply = await request(endpoint, "POST", "/pools", body)
    assert (reply.status, reply.code) == (400, code)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "MissingRequiredProperty"),
        ({"autoScaleFormula": "("}, "AutoScalingFormulaSyntaxError"),
        ({"autoScaleEvaluationInterval": "PT6M"}, "MissingRequiredProperty"),
    ],
)
async def test_enabling_needs_a_formula(endpoint: str, body: Any, code: str) -> None:
    reply = await request(endpoint, "POST", "/pools/hpc/enableautoscale", body)
    assert (reply.status, reply.code) == (400, code)


# By the clock


class _Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> int:
        return _START + int(self.seconds * timestamps.PER_SECOND)


@pytest.fixture
async def scaling(tmp_path: Path) -> AsyncIterator[tuple[PoolAutoscaler, StoredPool, _Clock]]:
    engine = Engine(Store(), ProcessExecutor(Layout(tmp_path), "http://none"))
    clock = _Clock()
    autoscaling = PoolAutoscaler(engine, clock)
    spec = accept_pool({**_POOL, "autoScaleFormula": "$TargetDedicatedNodes = $ActiveTasks.Count()"})
    pool = pools.PoolEntity(
        id="p",
        spec=spec,
        created_at=_START,
        last_modified=_START,
        state_since=_START,
        allocation_since=_START,
        allocation_state="steady",
    )
    record = StoredPool(pool)
    engine.store.pools.put("p", record)
    yield autoscaling, record, clock
    autoscaling.stop()
    await engine.stop()


async def test_samples_and_evaluations_come_by_the_clock(
    scaling: tuple[PoolAutoscaler, StoredPool, _Clock],
) -> None:
    autoscaling, record, clock = scaling
    autoscaling.advance_due()
    assert record.pool.auto_scale_run is None
    clock.seconds = 1
    autoscaling.advance_due()
    assert record.pool.spec["targetDedicatedNodes"] == 1
    record.pool = pools.allocated(record.pool, clock())
    for _ in range(29):
        clock.seconds += 30
        autoscaling.advance_due()
    assert record.pool.spec["targetDedicatedNodes"] == 1
    clock.seconds += 30
    autoscaling.advance_due()
    assert record.pool.spec["targetDedicatedNodes"] == 31
    assert record.pool.auto_scale_run is not None
    assert record.pool.auto_scale_run["timestamp"] == "2026-03-01T12:15:01Z"


async def test_a_pool_that_is_being_resized_is_evaluated_afterwards(
    scaling: tuple[PoolAutoscaler, StoredPool, _Clock],
) -> None:
    autoscaling, record, clock = scaling
    autoscaling.advance_due()
    record.pool = pools.resized(record.pool, {"targetDedicatedNodes": 5}, clock())
    clock.seconds = 60
    autoscaling.advance_due()
    assert record.pool.auto_scale_run is None
    record.pool = pools.allocated(record.pool, clock())
    autoscaling.advance_due()
    assert record.pool.auto_scale_run is not None


async def test_after_a_restart_a_pool_is_evaluated_when_it_would_have_been(
    scaling: tuple[PoolAutoscaler, StoredPool, _Clock],
) -> None:
    autoscaling, record, clock = scaling
    autoscaling.advance_due()
    clock.seconds = 1
    autoscaling.advance_due()
    before = record.pool.auto_scale_run
    assert before is not None
    record.pool = pools.allocated(record.pool, clock())
    again = PoolAutoscaler(autoscaling._engine, clock)
    for clock.seconds, is_due in ((2, False), (900, False), (901, True)):
        again.advance_due()
        assert (record.pool.auto_scale_run is not before) == is_due
    again.stop()


async def test_formulas_find_the_samples_from_before_a_restart(
    scaling: tuple[PoolAutoscaler, StoredPool, _Clock], tmp_path: Path
) -> None:
    autoscaling, record, clock = scaling
    with open_state(autoscaling._engine.store, tmp_path / "state", tmp_path):
        for _ in range(3):
            autoscaling.advance_due()
            clock.seconds += 30
    store = Store()
    restore(tmp_path / "state", store)
    assert store.pools["p"].samples == record.samples
    assert len(record.samples) == 3
    engine = Engine(store, ProcessExecutor(Layout(tmp_path), "http://none"))
    again = PoolAutoscaler(engine, clock)
    run = again.evaluate(store.pools["p"], "$TargetDedicatedNodes = $ActiveTasks.Count()")
    assert run.dedicated == 4
    await engine.stop()


async def test_a_pool_that_does_not_scale_itself_any_more_has_no_samples(
    scaling: tuple[PoolAutoscaler, StoredPool, _Clock], tmp_path: Path
) -> None:
    autoscaling, record, clock = scaling
    with open_state(autoscaling._engine.store, tmp_path / "state", tmp_path):
        autoscaling.advance_due()
        assert record.samples
        record.pool = pools.with_properties(record.pool, {"enableAutoScale": False}, clock())
        autoscaling.advance_due()
    store = Store()
    restore(tmp_path / "state", store)
    assert (store.pools["p"].samples, record.samples) == ({}, {})
