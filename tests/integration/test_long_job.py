"""A job whose events fill several parts of a real log, polled from its first task to its callback."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import msgspec
from azure.storage.blob.aio import BlobServiceClient

from batchmgr.adapters.blob_event_log import BlobEventLog
from batchmgr.dispatcher.memory_job import TaskExit
from batchmgr.event_log_port import EventLog
from batchmgr.model.cloud_event import Event
from batchmgr.model.job_states import JobState
from batchmgr.usecases.poll import poll
from tests.world import World, job_message, task

CHANGES = 40
BLOCKS = 12
"""How many appends one part takes here, in place of 49,000."""


async def all_events(log: EventLog) -> list[Event]:
    """Read the log as callers do, some events at a time."""
    events: list[Event] = []
    while page := await log.read("job-1", len(events), 25):
        events += page
    return events


async def test_a_job_goes_over_several_parts_of_its_log_and_loses_nothing(connection_string: str) -> None:
    async with BlobServiceClient.from_connection_string(connection_string) as service:
        container = await service.create_container("events")
        log = BlobEventLog(container, max_blocks=BLOCKS)
        world = World()
        world.ports = replace(world.ports, events=log)
        world.enqueue(job_message(msgspec.structs.replace(task("a"), max_task_retry_count=-1)))
        # Triggers hand the job on, but its task does not run to its end.
        nodes, world.batch.nodes = world.batch.nodes, []
        await world.tick()
        world.batch.nodes = nodes
        for run in range(CHANGES):
            assert world.batch.start_next_task("job-1") is not None
            await poll(world.ports)
            world.batch.record_exit("job-1", "a", TaskExit.exited(1))
            await poll(world.ports)
            world.clock.advance(timedelta(minutes=1))
            assert world.record().state is JobState.RUNNING, run
        await world.run_until_idle()
        events = await all_events(log)
        blocks = {}
        async for blob in container.list_blobs():
            properties = await container.get_blob_client(blob.name).get_blob_properties()
            blocks[blob.name] = properties.append_blob_committed_block_count
    *full, last = [blocks[name] or 0 for name in sorted(blocks, key=lambda name: (len(name), name))]
    assert len(full) > 3
    assert set(full) == {BLOCKS}
    assert 0 < last <= BLOCKS
    assert [int(event.sequence) for event in events] == list(range(1, len(events) + 1))
    ids = Counter(event.id for event in events)
    assert set(ids.values()) == {1}
    assert [run for run in range(CHANGES) if f"jobs/job-1/tasks/a/task.running/{run}" not in ids] == []
    assert world.record().state is JobState.SUCCEEDED
    assert events[-1].type == "batchmgr.job.succeeded"
    assert {event.id for event in world.sink.sent} == set(ids)
    assert len(world.callbacks.received) == 1
