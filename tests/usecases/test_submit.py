"""Submitting jobs to Azure Batch, and the errors that Azure Batch can return."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from batchmgr.errors import ServiceBusyError, ServiceError, ServiceRefusedError
from batchmgr.model.container_access import StorageAccess
from batchmgr.model.job_record_parts import Run
from batchmgr.model.job_states import JobState
from batchmgr.plan.job_plan import JobPlan, TaskPlan
from batchmgr.ports import Added, ignored
from tests.fakes import FakeBatch
from tests.world import World, job_message, task


class Difficult(FakeBatch):
    """Azure Batch that raises these errors from one method before it works."""

    errors: tuple[ServiceError, ...] = ()
    method = "create_job"

    def _raise(self, method: str) -> None:
        if method == self.method and self.errors:
            first, *rest = self.errors
            self.errors = tuple(rest)
            raise first

    async def create_job(self, plan: JobPlan, access: StorageAccess, digest: str) -> None:
        self._raise("create_job")
        await super().create_job(plan, access, digest)

    async def add_tasks(
        self, plan: JobPlan, tasks: Iterable[TaskPlan], access: StorageAccess, added: Added = ignored
    ) -> None:
        self._raise("add_tasks")
        await super().add_tasks(plan, tasks, access, added)


def difficult_world(*errors: ServiceError, method: str = "create_job") -> World:
    world = World()
    batch = Difficult(world.clock)
    batch.errors, batch.method = errors, method
    world.batch = batch
    world.ports = replace(world.ports, batch=batch)
    return world


@pytest.mark.parametrize("method", ["create_job", "add_tasks"])
async def test_a_busy_service_delays_the_submission_and_each_delay_is_published(method: str) -> None:
    busy = ServiceBusyError("busy", code="ServerBusy", status=503)
    world = difficult_world(*[busy] * 5, method=method)
    world.enqueue(job_message())
    await world.run_until_idle()
    assert world.record().state is JobState.SUCCEEDED
    waiting = [event for event in world.log() if event.type == "batchmgr.job.waiting"]
    assert [event.data["attempt"] for event in waiting] == [1, 2, 3, 4, 5]
    assert {event.data["code"] for event in waiting} == {"ServerBusy"}
    assert world.batch.created == ["job-1"]


async def test_waiting_for_the_service_and_for_a_node_are_different_events() -> None:
    world = difficult_world(ServiceBusyError("over quota", code="Quota", status=409))
    world.enqueue(world.plan_on_node(task("1")))
    await world.run_until_idle()
    assert world.record().state is JobState.SUCCEEDED
    waiting = [event for event in world.log() if event.type == "batchmgr.job.waiting"]
    assert [event.data["code"] for event in waiting] == ["Quota", "JobManagerTask"]
    ids = [event.id for event in world.log()]
    assert len(ids) == len(set(ids))


async def test_the_delay_is_at_least_the_retry_after_of_the_service() -> None:
    world = difficult_world(ServiceBusyError("slow down", status=429, retry_after=timedelta(minutes=2)))
    world.enqueue(job_message())
    await world.tick()
    [message] = world.queue.messages
    assert message.visible_at - world.clock.now() > timedelta(seconds=110)
    await world.run_until_idle()
    assert world.record().state is JobState.SUCCEEDED


async def test_the_poller_does_not_shorten_a_long_delay() -> None:
    world = difficult_world(ServiceBusyError("slow down", status=429, retry_after=timedelta(minutes=2)))
    world.enqueue(job_message())
    for _ in range(100):
        await world.tick()
    assert world.batch.created == []


@pytest.mark.parametrize("method", ["create_job", "add_tasks"])
async def test_a_refusal_by_the_service_rejects_the_job_and_leaves_nothing_running(
    method: str,
) -> None:
    refused = ServiceRefusedError("the value is invalid", code="InvalidPropertyValue", status=400)
    world = difficult_world(refused, method=method)
    world.enqueue(job_message())
    await world.run_until_idle()
    record = world.record()
    assert record.state is JobState.REJECTED
    assert record.error is not None
    assert record.error.code == "InvalidPropertyValue"
    assert all(job.state == "completed" for job in world.batch.jobs.values())
    assert [body.status_code for _, body, _ in world.callbacks.received] == ["400"]


async def test_a_missing_pool_rejects_the_job() -> None:
    world = World()
    world.batch.pools.clear()
    world.enqueue(job_message())
    await world.run_until_idle()
    record = world.record()
    assert record.state is JobState.REJECTED
    assert record.error is not None
    assert record.error.code == "PoolNotFound"
    assert record.error.message.startswith("there is no pool 'local' in the Batch account.")


async def test_a_batch_job_created_by_somebody_else_is_not_changed() -> None:
    world, elsewhere = World(), World()
    elsewhere.enqueue(job_message())
    await elsewhere.tick()
    world.batch.jobs.update(elsewhere.batch.jobs)
    world.batch.jobs["job-1"].digest = "other"
    world.batch.jobs["job-1"].state = "active"
    world.batch.jobs["job-1"].ends_when_done = False
    world.enqueue(job_message())
    await world.run_until_idle()
    record = world.record()
    assert record.state is JobState.REJECTED
    assert record.error is not None
    assert "did not create" in record.error.message
    assert world.batch.jobs["job-1"].state == "active"


async def test_a_submission_whose_batch_job_has_ended_continues_to_the_end_of_the_job() -> None:
    world = World()
    world.enqueue(job_message())
    await world.tick()
    world.jobs.records["job-1"] = replace(
        world.jobs.records["job-1"],
        value=msgspec.structs.replace(world.record(), state=JobState.SUBMITTING, callback=None, run=Run()),
    )
    world.jobs.active.add("job-1")
    world.enqueue(job_message(), "m-2")
    await world.run_until_idle()
    assert world.batch.jobs["job-1"].state == "completed"
    assert world.record().state is JobState.SUCCEEDED
