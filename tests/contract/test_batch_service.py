"""The contract of the BatchService port."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from batchmgr.adapters.azure_batch import AzureBatch
from batchmgr.dispatcher.local_batch import LocalBatch
from batchmgr.errors import InvalidJobError, ServiceConflictError, ServiceNotFoundError
from batchmgr.model.batch_snapshots import TaskCounts
from batchmgr.model.task_query import TaskQuery
from batchmgr.plan.job_plan import FINALIZE_TASK_ID, JobPlan, TaskPlan
from batchmgr.plan.job_specification import JobPreparationTask, JobSpecification
from batchmgr.ports import Ports
from tests.contract.port_sets import DispatcherPorts, PortSet, RealPorts
from tests.fakes import FakeBatch

FINALIZE = TaskPlan(id=FINALIZE_TASK_ID, command_line="/bin/true", depends_on=("1", "2"))
TASKS = (TaskPlan(id="1", command_line="/bin/true"), TaskPlan(id="2", command_line="/bin/false"))
JOB = JobSpecification(pool_id="local")
PLAN = JobPlan(job_id="Job-1", job=JOB, tasks=TASKS, finalize_task=FINALIZE)


async def submit(ports: Ports, plan: JobPlan = PLAN) -> None:
    await ports.batch.create_job(plan, {}, "digest")
    await ports.batch.add_tasks(plan, plan.tasks, {})
    await ports.batch.add_tasks(plan, [plan.finalize_task], {})


async def test_a_missing_pool_is_reported_by_its_code(ports: Ports) -> None:
    await ports.batch.require_pool("local")
    if isinstance(ports.batch, LocalBatch):
        await ports.batch.require_pool("elsewhere")  # every pool is this machine
        return
    with pytest.raises(ServiceNotFoundError) as caught:
        await ports.batch.require_pool("elsewhere")
    assert caught.value.code == "PoolNotFound"


async def test_a_job_remembers_its_digest_and_exists_only_once(ports: Ports) -> None:
    await ports.batch.create_job(PLAN, {}, "digest")
    assert (await ports.batch.get_job("job-1")).digest == "digest"
    assert not (await ports.batch.get_job("job-1")).has_ended
    with pytest.raises(ServiceConflictError) as caught:
        await ports.batch.create_job(PLAN, {}, "other")
    assert caught.value.code == "JobExists"


async def test_a_missing_job_is_not_found_but_can_be_terminated(ports: Ports) -> None:
    for call in (ports.batch.get_job("none"), ports.batch.task_counts("none")):
        with pytest.raises(ServiceNotFoundError):
            await call
    with pytest.raises(ServiceNotFoundError):
        [task async for task in ports.batch.list_tasks("none")]
    await ports.batch.terminate_job("none", "reason")


async def test_tasks_run_and_the_finalize_task_runs_although_one_failed(port_set: PortSet) -> None:
    ports = port_set.ports
    await submit(ports)
    await port_set.run_tasks("Job-1")
    tasks = {task.task_id: task async for task in ports.batch.list_tasks("Job-1")}
    assert tasks["1"].has_succeeded
    assert tasks["1"].exit_code == 0
    assert tasks["2"].has_failed
    assert tasks["2"].exit_code == 1
    assert tasks["2"].error is not None
    assert tasks["2"].error.type == "FailureExitCode"
    assert tasks[FINALIZE_TASK_ID].has_succeeded
    for one in tasks.values():
        assert one.creation_time is not None
        assert one.start_time is not None
        assert one.creation_time <= one.start_time
        assert one.required_slots == 1
    expected = TaskCounts(active=0, running=0, completed=3, succeeded=2, failed=1)
    assert await ports.batch.task_counts("Job-1") == expected


async def test_existing_tasks_are_not_changed_when_they_are_added_again(port_set: PortSet) -> None:
    ports = port_set.ports
    await submit(ports)
    await port_set.run_tasks("Job-1")
    before = [task async for task in ports.batch.list_tasks("Job-1")]
    await ports.batch.add_tasks(PLAN, (*TASKS, FINALIZE), {})
    assert [task async for task in ports.batch.list_tasks("Job-1")] == before


async def test_a_deleted_task_is_gone_and_can_be_added_again(port_set: PortSet) -> None:
    ports = port_set.ports
    await submit(ports)
    for _ in range(2):
        await ports.batch.delete_task("Job-1", FINALIZE_TASK_ID)
    with pytest.raises(ServiceNotFoundError):
        await ports.batch.get_task("Job-1", FINALIZE_TASK_ID)
    await ports.batch.add_tasks(PLAN, [FINALIZE], {})
    await port_set.run_tasks("Job-1")
    assert (await ports.batch.get_task("Job-1", FINALIZE_TASK_ID)).has_succeeded


async def test_a_job_completes_with_its_tasks_after_terminate_when_done_and_accepts_no_more(
    port_set: PortSet,
) -> None:
    ports = port_set.ports
    await submit(ports)
    await port_set.run_tasks("Job-1")
    await ports.batch.terminate_when_done("Job-1")
    await ports.batch.terminate_when_done("Job-1")
    job = await ports.batch.get_job("Job-1")
    assert job.has_ended
    with pytest.raises(ServiceConflictError):
        await ports.batch.add_tasks(PLAN, [TaskPlan(id="late", command_line="/bin/true")], {})


async def test_a_terminated_job_has_ended_with_its_reason_and_can_be_terminated_again(ports: Ports) -> None:
    await ports.batch.create_job(PLAN, {}, "digest")
    await ports.batch.terminate_job("Job-1", "enough")
    await ports.batch.terminate_job("Job-1", "again")
    job = await ports.batch.get_job("Job-1")
    assert job.has_ended
    assert job.terminate_reason == "enough"


async def test_tasks_can_be_listed_by_transition_time_or_state(port_set: PortSet) -> None:
    ports = port_set.ports
    await submit(ports)
    await port_set.run_tasks("Job-1")
    tasks = [task async for task in ports.batch.list_tasks("Job-1")]
    newest = max(task.state_transition_time for task in tasks)
    recent = [task async for task in ports.batch.list_tasks("Job-1", since=newest)]
    assert recent
    assert all(task.state_transition_time >= newest for task in recent)
    assert [t async for t in ports.batch.list_tasks("Job-1", since=newest + timedelta(seconds=9))] == []
    completed = [task.task_id async for task in ports.batch.list_tasks("Job-1", state="completed")]
    assert completed == ["1", "2", FINALIZE_TASK_ID]
    assert [t async for t in ports.batch.list_tasks("Job-1", state="active")] == []


async def test_tasks_are_read_in_pages_each_task_once(port_set: PortSet) -> None:
    ports = port_set.ports
    await submit(ports)
    await port_set.run_tasks("Job-1")
    found, token = await ports.batch.task_page("Job-1", limit=2)
    assert [task.task_id for task in found] == ["1", "2"]
    assert token
    found, token = await ports.batch.task_page("Job-1", limit=2, token=token)
    assert ([task.task_id for task in found], token) == ([FINALIZE_TASK_ID], "")
    found, token = await ports.batch.task_page("Job-1", query=TaskQuery(states=("completed",)), limit=3)
    assert (len(found), token) == (3, "")
    assert await ports.batch.task_page("Job-1", query=TaskQuery(states=("active",))) == ([], "")
    with pytest.raises(ServiceNotFoundError):
        await ports.batch.task_page("none")


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        (TaskQuery(states=("succeeded",)), ["good"]),
        (TaskQuery(states=("failed",)), ["bad", "worse"]),
        (TaskQuery(states=("failed", "active")), ["bad", "worse"]),
        (TaskQuery(states=("succeeded", "failed", "running")), ["bad", "good", "worse"]),
        (TaskQuery(states=("active", "preparing", "running")), []),
        (TaskQuery(exit_code=1), ["bad"]),
        (TaskQuery(exit_code=0), ["good"]),
        (TaskQuery(exit_code=-1), []),
        (TaskQuery(states=("succeeded",), exit_code=3), []),
        (TaskQuery(states=("failed",), exit_code=3), ["worse"]),
        (TaskQuery(error="FailureExitCode"), ["bad", "worse"]),
        (TaskQuery(kind="good", node="none"), ["bad", "good", "worse"]),  # no condition of Azure Batch
    ],
)
async def test_azure_batch_selects_tasks_by_state_result_and_exit_code(
    port_set: PortSet, query: TaskQuery, ids: list[str]
) -> None:
    commands = {"good": "true", "bad": "exit 1", "worse": "exit 3"}
    tasks = tuple(
        TaskPlan(id=name, command_line=f"/bin/sh -c '{command}'") for name, command in commands.items()
    )
    await submit(port_set.ports, JobPlan(job_id="Job-1", job=JOB, tasks=tasks, finalize_task=FINALIZE))
    if isinstance(port_set.ports.batch, FakeBatch):
        pytest.skip("its tasks end with 0 or 1")
    await port_set.run_tasks("Job-1")
    found, token = await port_set.ports.batch.task_page("Job-1", query=query)
    assert ([task.task_id for task in found if task.task_id != FINALIZE_TASK_ID], token) == (ids, "")
    assert all(query.is_listed(task) for task in found)


async def test_a_task_that_is_deleted_between_two_pages_moves_no_other(port_set: PortSet) -> None:
    ports = port_set.ports
    await submit(ports)
    await port_set.run_tasks("Job-1")
    _, token = await ports.batch.task_page("Job-1", limit=2)
    await ports.batch.delete_task("Job-1", "1")
    found, token = await ports.batch.task_page("Job-1", limit=2, token=token)
    assert ([task.task_id for task in found], token) == ([FINALIZE_TASK_ID], "")


async def test_only_the_tasks_that_have_failed_are_listed_if_asked_for(port_set: PortSet) -> None:
    ports = port_set.ports
    await submit(ports)
    await port_set.run_tasks("Job-1")
    found = [task async for task in ports.batch.list_tasks("Job-1", failed=True)]
    assert [(task.task_id, task.exit_code) for task in found] == [("2", 1)]


async def test_a_task_is_found_by_id_and_a_missing_one_is_not(ports: Ports) -> None:
    await submit(ports)
    assert (await ports.batch.get_task("Job-1", "1")).task_id == "1"
    with pytest.raises(ServiceNotFoundError):
        await ports.batch.get_task("Job-1", "none")


async def test_of_a_large_file_its_two_ends_are_read(port_set: PortSet) -> None:
    ports = port_set.ports
    words = TaskPlan(id="1", command_line="/bin/sh -c 'echo words >&2; echo on stderr >&2'")
    await submit(ports, JobPlan(job_id="Job-1", job=JOB, tasks=(words,), finalize_task=FINALIZE))
    await port_set.run_tasks("Job-1")
    whole = b"words\non stderr\n"
    for most in (6, 15, 16, 99):
        found = await ports.batch.read_file("Job-1", "1", "stderr.txt", most, from_start=2)
        assert found == (whole if most >= len(whole) else whole[:2] + whole[2 - most :])
    assert await ports.batch.read_file("Job-1", "1", "none", 6, from_start=2) == b""


FILES = {
    "no UTF-8": 'printf "\\377\\376"',
    "deep": 'yes [ | head -n 100000 | tr -d "\\012"',
    "no JSON": "echo {",
    "large": "head -c 300000000 /dev/zero",
}


@pytest.mark.parametrize("script", FILES.values(), ids=list(FILES))
async def test_a_file_is_read_whatever_is_in_it_and_however_large(port_set: PortSet, script: str) -> None:
    ports = port_set.ports
    if not isinstance(port_set, RealPorts | DispatcherPorts):
        pytest.skip("tasks of the fakes have no files of their own")
    task = TaskPlan(id="1", command_line=f"/bin/sh -c '{script} > a.json'")
    await submit(ports, JobPlan(job_id="Job-1", job=JOB, tasks=(task,), finalize_task=FINALIZE))
    await port_set.run_tasks("Job-1")
    found = await ports.batch.read_file("Job-1", "1", "wd/a.json", 1000, from_start=500)
    whole = {"no UTF-8": b"\xff\xfe", "deep": b"[" * 1000, "no JSON": b"{\n", "large": bytes(1000)}
    assert found == whole[next(name for name, one in FILES.items() if one == script)]


async def test_a_file_that_is_gone_before_it_is_read_is_empty(port_set: PortSet) -> None:
    ports = port_set.ports
    if not isinstance(ports.batch, AzureBatch):
        pytest.skip("only there the size and the content are two requests")
    await submit(ports)
    await port_set.run_tasks("Job-1")
    with pytest.raises(ServiceNotFoundError) as caught:
        await ports.batch._read_range("/jobs/Job-1/tasks/1/files/none.json", 0, 10)
    assert caught.value.code == "FileNotFound"


async def test_the_time_limit_of_a_task_is_known(ports: Ports) -> None:
    limited = TaskPlan(id="1", command_line="/bin/true", max_wall_clock_time=timedelta(hours=1.5))
    free = TaskPlan(id="2", command_line="/bin/true")
    await submit(ports, JobPlan(job_id="Job-1", job=JOB, tasks=(limited, free), finalize_task=FINALIZE))
    assert await ports.batch.time_limit("Job-1", "1") == timedelta(hours=1.5)
    assert await ports.batch.time_limit("Job-1", "2") is None
    with pytest.raises(ServiceNotFoundError):
        await ports.batch.time_limit("Job-1", "none")


async def test_the_end_of_a_file_is_read_and_a_missing_file_is_empty(port_set: PortSet) -> None:
    ports = port_set.ports
    words = TaskPlan(id="1", command_line="/bin/sh -c 'echo words >&2; echo on stderr >&2'")
    await submit(ports, JobPlan(job_id="Job-1", job=JOB, tasks=(words,), finalize_task=FINALIZE))
    await port_set.run_tasks("Job-1")
    assert await ports.batch.read_file("Job-1", "1", "stderr.txt", 6) == b"tderr\n"
    assert await ports.batch.read_file("Job-1", "1", "stderr.txt", 4096) == b"words\non stderr\n"
    assert await ports.batch.read_file("Job-1", "1", "wd/none.json", 10) == b""
    assert await ports.batch.read_file("Job-1", "none", "stderr.txt", 10) == b""
    assert await ports.batch.read_file("none", "1", "stderr.txt", 10) == b""


async def test_a_pool_and_its_nodes_are_described(ports: Ports) -> None:
    pool = await ports.batch.get_pool("local")
    nodes = [node async for node in ports.batch.list_nodes("local")]
    assert (pool.pool_id, pool.state, pool.allocation_state) == ("local", "active", "steady")
    assert pool.nodes == pool.target_nodes == len(nodes) == 1
    assert pool.slots_per_node >= 2
    assert not pool.has_formula
    assert pool.resize_error == pool.formula_error == nodes[0].error == ""
    assert nodes[0].state == "idle"
    assert not nodes[0].is_spot
    assert pool.os == "linux"


async def test_a_missing_pool_is_not_found_and_has_no_nodes(ports: Ports) -> None:
    if isinstance(ports.batch, LocalBatch):
        return  # every pool is this machine
    with pytest.raises(ServiceNotFoundError) as caught:
        await ports.batch.get_pool("elsewhere")
    assert caught.value.code == "PoolNotFound"
    assert [node async for node in ports.batch.list_nodes("elsewhere")] == []


async def test_a_job_knows_its_pool_and_whether_its_nodes_must_be_prepared(ports: Ports) -> None:
    await submit(ports)
    plain = await ports.batch.get_job("Job-1")
    assert (plain.pool_id, plain.needs_preparation, plain.scheduling_error) == ("local", False, "")
    assert await ports.batch.failed_preparations("Job-1") == {}
    preparation = JobPreparationTask(command_line="/bin/true")
    job = replace(JOB, job_preparation_task=preparation)
    await ports.batch.create_job(replace(PLAN, job_id="Job-2", job=job), {}, "digest")
    assert (await ports.batch.get_job("Job-2")).needs_preparation
    assert await ports.batch.failed_preparations("Job-2") == {}


async def test_tasks_that_wait_for_a_deleted_task_never_start(port_set: PortSet) -> None:
    ports = port_set.ports
    later = TaskPlan(id="3", command_line="/bin/true", depends_on=("2",))
    slow = TaskPlan(id="2", command_line="/bin/true", depends_on=("1",))
    first = replace(TASKS[0], is_leaf=False)
    await submit(ports, JobPlan(job_id="Job-1", job=JOB, tasks=(later,), finalize_task=FINALIZE))
    await ports.batch.add_tasks(PLAN, [slow], {})
    await ports.batch.delete_task("Job-1", "2")
    await ports.batch.add_tasks(PLAN, [first], {})
    await port_set.run_tasks("Job-1")
    states = {task.task_id: task.state async for task in ports.batch.list_tasks("Job-1")}
    assert states == {"1": "completed", "3": "active", FINALIZE_TASK_ID: "active"}


async def test_tasks_start_whose_upstream_task_was_deleted_after_it_had_succeeded(port_set: PortSet) -> None:
    ports = port_set.ports
    await submit(ports, JobPlan(job_id="Job-1", job=JOB, tasks=TASKS[:1], finalize_task=FINALIZE))
    await port_set.run_tasks("Job-1")
    await ports.batch.delete_task("Job-1", "1")
    await ports.batch.add_tasks(PLAN, [TASKS[1]], {})
    await port_set.run_tasks("Job-1")
    await port_set.run_tasks("Job-1")
    tasks = {task.task_id: task async for task in ports.batch.list_tasks("Job-1")}
    assert tasks[FINALIZE_TASK_ID].has_succeeded


async def test_a_job_completes_when_its_last_open_task_is_deleted(port_set: PortSet) -> None:
    ports = port_set.ports
    blocked = TaskPlan(id=FINALIZE_TASK_ID, command_line="/bin/true", depends_on=("none",))
    await submit(ports, JobPlan(job_id="Job-1", job=JOB, tasks=TASKS, finalize_task=blocked))
    await ports.batch.terminate_when_done("Job-1")
    await port_set.run_tasks("Job-1")
    assert not (await ports.batch.get_job("Job-1")).has_ended
    await ports.batch.delete_task("Job-1", FINALIZE_TASK_ID)
    assert (await ports.batch.get_job("Job-1")).has_ended


async def test_a_task_above_a_megabyte_is_refused_and_the_error_names_it(ports: Ports) -> None:
    if isinstance(ports.batch, LocalBatch):
        return  # no request is sent
    await ports.batch.create_job(PLAN, {}, "digest")
    tasks = [TASKS[0], TaskPlan(id="large", command_line="x" * 1_000_000)]
    with pytest.raises(InvalidJobError, match="'large' is larger than the 1 MB") as caught:
        await ports.batch.add_tasks(PLAN, tasks, {})
    assert caught.value.field == "tasks[1]"


async def test_what_does_not_exist_is_named_by_the_code_of_that_thing(ports: Ports) -> None:
    await ports.batch.create_job(PLAN, {}, "digest")
    cases: dict[str, list[Callable[[], Awaitable[object]]]] = {
        "JobNotFound": [
            lambda: ports.batch.get_job("none"),
            lambda: ports.batch.task_counts("none"),
            lambda: ports.batch.get_task("none", "1"),
            lambda: ports.batch.delete_task("none", "1"),
            lambda: ports.batch.add_tasks(replace(PLAN, job_id="none"), TASKS, {}),
            lambda: ports.batch.terminate_when_done("none"),
        ],
        "TaskNotFound": [lambda: ports.batch.get_task("Job-1", "none")],
    }
    for code, calls in cases.items():
        for call in calls:
            with pytest.raises(ServiceNotFoundError) as caught:
                await call()
            assert caught.value.code == code
