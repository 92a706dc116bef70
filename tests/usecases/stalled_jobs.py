"""A job in a world whose clock goes on: submitted, watched for a while, waited for until it has ended."""

from datetime import timedelta

from batchmgr.model.batch_snapshots import NodeSnapshot
from batchmgr.model.cloud_event import Event
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_states import JobState
from batchmgr.usecases.accept import accept
from batchmgr.usecases.submit import submit
from batchmgr.wire.job_message import JobMessage
from tests.world import World

POLL_PAUSE = timedelta(seconds=15)
MINUTE = timedelta(minutes=1)


async def submitted(world: World, message: JobMessage) -> None:
    await accept(world.ports, message.job_id, message)
    await submit(world.ports, message.job_id)


async def watched_for(world: World, duration: timedelta) -> None:
    """Let tasks run, triggers come, and the poller look every 15 seconds."""
    ends_at = world.clock.now() + duration
    while world.clock.now() < ends_at:
        await world.tick()
        await world.clock.sleep(POLL_PAUSE - timedelta(seconds=1))


async def ended(world: World, limit: timedelta = timedelta(minutes=5)) -> JobRecord:
    """Wait for the end of the job and its callback."""
    begun = world.clock.now()
    while not world.record().state.is_final:
        assert world.clock.now() - begun < limit, world.record()
        await watched_for(world, POLL_PAUSE)
    record = world.record()
    expected = "200" if record.state is JobState.SUCCEEDED else "500"
    assert [body.status_code for _, body, _ in world.callbacks.received] == [expected]
    assert record.waiting_for is None
    return record


def waiting(world: World) -> list[Event]:
    return [event for event in world.log() if event.type == "batchmgr.job.waiting"]


def busy_elsewhere(world: World) -> None:
    """Let the pool's node run tasks of other jobs."""
    world.batch.nodes = [NodeSnapshot(node_id="node-1", state="running")]
