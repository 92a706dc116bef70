"""What the tasks of a real job have used is in its result, in its callback, and can be asked for."""

from tests.integration.client import Client
from tests.integration.messages import job, task
from tests.integration.receiver import Receiver


async def test_the_usage_of_a_job_is_what_its_tasks_took(
    client: Client, receiver: Receiver, job_id: str
) -> None:
    tasks = [
        task("count-1", "sleep 0.5"),
        task("count-2", "sleep 0.5", requiredSlots=2),
        task("fails", "exit 3"),
    ]
    await client.submit(job(job_id, *tasks, callBackUri=receiver.uri))
    outcome = await client.outcome(job_id)
    usage = outcome["usage"]
    kinds = {one["kind"]: one for one in usage["kinds"]}
    assert {name: (one["tasks"], one.get("failed", 0)) for name, one in kinds.items()} == {
        "count": (2, 0),
        "fails": (1, 1),
        "FinalizeTask": (1, 0),
    }
    assert kinds["count"]["taskSeconds"] >= 1.0
    assert kinds["count"]["slotSeconds"] > kinds["count"]["taskSeconds"]
    assert kinds["count"]["meanWaitSeconds"] >= 0
    assert usage["vmSize"]
    assert usage["nodeHoursUsed"]["dedicated"] > 0
    assert (await client.get(f"/jobs/{job_id}/usage")).body == usage
    call = await receiver.call()
    assert call.body["Output"]["usage"] == usage
