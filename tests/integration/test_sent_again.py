"""Data Factory sends a job again with another callback URI: each of its activities is told of the end."""

from pathlib import Path

from tests.integration.client import Client
from tests.integration.messages import gated, job
from tests.integration.receiver import Receiver, receiving


async def test_a_pipeline_that_sends_its_job_again_is_told_before_and_after_the_end(
    client: Client, receiver: Receiver, job_id: str, tmp_path: Path
) -> None:
    work = gated("work", tmp_path / "gate")
    async with receiving() as second, receiving() as third:
        await client.submit(job(job_id, work, callBackUri=receiver.uri))
        await client.submit(job(job_id, work, callBackUri=second.uri))
        await client.send(job(job_id, work, callBackUri=second.uri))
        await client.wait_until_queue_empty()
        (tmp_path / "gate").touch()
        outputs = [(await one.call()).body["Output"] for one in (receiver, second)]
        await client.submit(job(job_id, work, callBackUri=third.uri))
        outputs.append((await third.call(seconds=20)).body["Output"])
        assert [output["state"] for output in outputs] == ["succeeded"] * 3
        ids = [one.calls[0].headers["webhook-id"] for one in (receiver, second, third)]
        assert ids[0] == f"msg_{job_id}"
        assert len(set(ids)) == 3
        await client.wait_until_delivered(job_id)
        shown = await client.job(job_id)
        assert len(shown["otherCallbacks"]) == 2
        assert not [one for one in (receiver, second, third) if one.secret in str(shown)]
        assert [len(one.calls) for one in (receiver, second, third)] == [1, 1, 1]
    assert (await client.types(job_id)).count("job.queued") == 1
    assert await client.batch_job_ids({job_id}) == [job_id]
