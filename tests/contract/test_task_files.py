"""The contract of the TaskFiles and BlobLinks ports, and how what is kept gets to storage."""

from dataclasses import replace
from datetime import timedelta

import aiohttp
import pytest

from batchmgr.errors import ServiceConflictError, ServiceNotFoundError
from batchmgr.plan.file_specifications import ContainerNeed
from batchmgr.plan.job_plan import JobPlan, TaskPlan
from batchmgr.ports import Ports
from batchmgr.steps.plan_job import grant_access
from tests.contract.port_sets import FakePorts, PortSet, RealPorts
from tests.contract.test_batch_service import FINALIZE, JOB, submit

WRITES = "/bin/sh -c 'echo words >&2; mkdir out; printf 0123456789 > out/a.txt; exit 3'"
HOUR = timedelta(hours=1)


def plan(command: str = WRITES, *, keep: str = "", task_id: str = "Task-1") -> JobPlan:
    tasks = (TaskPlan(id=task_id, command_line=command),)
    finalize = replace(FINALIZE, depends_on=(task_id,))
    return JobPlan(job_id="Job-1", job=JOB, tasks=tasks, finalize_task=finalize, keep_streams=keep)


async def ran(port_set: PortSet, job_plan: JobPlan) -> Ports:
    """Run the job of a plan, with access to the containers that it needs."""
    ports = port_set.ports
    access = await grant_access(ports, job_plan)
    await ports.batch.create_job(job_plan, access, "digest")
    await ports.batch.add_tasks(job_plan, [*job_plan.tasks, job_plan.finalize_task], access)
    await port_set.run_tasks("Job-1")
    return ports


async def test_the_files_of_a_task_are_listed_and_read_in_parts(port_set: PortSet) -> None:
    if isinstance(port_set, FakePorts):
        pytest.skip("tasks of the fakes have no files of their own")
    ports = await ran(port_set, plan())
    files = {file.path: file for file in await ports.node_files.files("Job-1", "Task-1", 100)}
    assert {"stdout.txt", "stderr.txt", "wd/out/a.txt"} <= files.keys()
    assert "wd/out" not in files
    assert files["wd/out/a.txt"].size == 10
    found = await ports.node_files.find("Job-1", "Task-1", "wd/out/a.txt")
    assert found is not None
    assert found.size == 10
    assert found.last_modified is not None
    assert found.last_modified.tzinfo is not None
    assert len(await ports.node_files.files("Job-1", "Task-1", 2)) == 2
    for start, end, part in (
        (0, 10, b"0123456789"),
        (2, 4, b"23"),
        (8, 99, b"89"),
        (10, 12, b""),
        (3, 3, b""),
    ):
        assert await ports.node_files.read("Job-1", "Task-1", "wd/out/a.txt", start, end) == part


async def test_what_is_not_there_is_not_found(port_set: PortSet) -> None:
    if isinstance(port_set, FakePorts):
        pytest.skip("tasks of the fakes have no files of their own")
    ports = await ran(port_set, plan())
    for path in ("wd/none", "wd/out"):
        assert await ports.node_files.find("Job-1", "Task-1", path) is None
        assert await ports.node_files.read("Job-1", "Task-1", path, 0, 5) == b""
    assert await ports.node_files.find("Job-1", "none", "stderr.txt") is None
    with pytest.raises(ServiceNotFoundError):
        await ports.node_files.files("Job-1", "none", 5)


async def test_a_task_that_has_not_begun_has_no_files(port_set: PortSet) -> None:
    if not isinstance(port_set, RealPorts):
        pytest.skip("only Azure Batch keeps tasks waiting")
    waiting = JobPlan(
        job_id="Job-1",
        job=JOB,
        tasks=(replace(plan().tasks[0], required_slots=200),),
        finalize_task=replace(FINALIZE, depends_on=("Task-1",)),
    )
    await submit(port_set.ports, waiting)
    with pytest.raises((ServiceConflictError, ServiceNotFoundError)):
        await port_set.ports.node_files.files("Job-1", "Task-1", 5)
    assert await port_set.ports.node_files.find("Job-1", "Task-1", "stderr.txt") is None


@pytest.mark.parametrize(
    ("keep", "command", "is_kept"),
    [
        ("taskFailure", WRITES, True),
        ("taskFailure", "/bin/sh -c 'echo words >&2'", False),
        ("taskCompletion", "/bin/sh -c 'echo words >&2'", True),
        ("", WRITES, False),
    ],
)
async def test_stdout_and_stderr_are_kept_as_the_plan_says(
    port_set: PortSet, keep: str, command: str, is_kept: bool
) -> None:
    if not isinstance(port_set, RealPorts):
        pytest.skip("only Azure Batch uploads output files")
    ports = await ran(port_set, plan(command, keep=keep))
    found = {file.path: file.size for file in await ports.kept_files.files("job-1", "TASK-1", 9)}
    assert found == ({"stdout.txt": 0, "stderr.txt": 6} if is_kept else {})
    assert await ports.kept_files.read("job-1", "task-1", "stderr.txt", 2, 99) == (
        b"rds\n" if is_kept else b""
    )
    assert await ports.kept_files.read("job-1", "task-1", "stdout.txt", 0, 9) == b""
    assert await ports.kept_files.find("job-1", "task-1", "../batchmgr-outcome.json") is None
    assert (await ports.batch.get_task("Job-1", "Task-1")).exit_code == (3 if "exit 3" in command else 0)


async def test_what_is_known_of_failures_is_stored_written_over_and_deleted(ports: Ports) -> None:
    assert await ports.failures.load("Job-1") is None
    await ports.failures.save("Job-1", b"one")
    await ports.failures.save("job-1", b"two")
    assert await ports.failures.load("JOB-1") == b"two"
    assert await ports.failures.load("other") is None
    for _ in range(2):
        await ports.failures.delete("Job-1")
    assert await ports.failures.load("Job-1") is None


async def test_a_link_brings_a_blob_and_another_reads_it_and_nothing_else(port_set: PortSet) -> None:
    if not isinstance(port_set, RealPorts):
        pytest.skip("only storage answers links")
    links = port_set.ports.links
    up = await links.to_upload(ContainerNeed(container_name="inputs"), "a b/ü.txt", HOUR)
    uri = up.uri.partition("?")[0]
    assert await links.to_download(uri, HOUR) is None
    async with aiohttp.ClientSession() as http:
        async with http.put(up.uri, data=b"content", headers={"x-ms-blob-type": "BlockBlob"}) as answer:
            assert answer.status == 201
        async with http.get(up.uri) as answer:
            assert answer.status == 403
        down = await links.to_download(uri, HOUR)
        assert down is not None
        assert down.size == 7
        async with http.get(down.uri) as answer:
            assert (await answer.read(), answer.headers["Content-Disposition"]) == (b"content", "attachment")
        async with http.put(down.uri, data=b"x", headers={"x-ms-blob-type": "BlockBlob"}) as answer:
            assert answer.status == 403
        async with http.get(down.uri.replace("/a%20b/", "/other/")) as answer:
            assert answer.status == 403
