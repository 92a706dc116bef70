"""The contract of the Timelines port."""

from batchmgr.ports import Ports


async def test_what_is_kept_is_loaded_replaced_and_deleted(ports: Ports) -> None:
    assert await ports.timelines.load("Job-1") is None
    for body in (b"one", b"x" * 3_000_000, b""):
        await ports.timelines.save("Job-1", body)
        assert await ports.timelines.load("JOB-1") == body
    for _ in range(2):
        await ports.timelines.delete("job-1")
    assert await ports.timelines.load("Job-1") is None
