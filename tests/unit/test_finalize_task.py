"""The tasks that batchmgr adds to a job: the FinalizeTask, and gathering tasks."""

import json

from batchmgr import (
    AutoPoolSpecification,
    ContainerSettings,
    ImageReference,
    JobManager,
    JobManagerBuilder,
    WorkloadBase,
)
from batchmgr.adapters.workload_registry import WorkloadRegistry
from batchmgr.plan.job_plan import JobDraft, JobPlan, TaskPlan
from batchmgr.plan.job_specification import JobSpecification
from batchmgr.steps.plan_job import plan_job
from batchmgr.wire.job_message import decode_job
from tests.plans import complete

IMAGE = ContainerSettings(image_name="ubuntu:16.04", container_run_options="--rm")
OTHER = ContainerSettings(image_name="python:3.12")
FINALIZE = TaskPlan(id="", command_line="finalize")


def completed(*tasks: TaskPlan, finalize: TaskPlan = FINALIZE) -> JobPlan:
    draft = JobDraft(job=JobSpecification(pool_id="p"), tasks=tasks, finalize_task=finalize)
    return complete("j", draft, "{}")


def named(count: int, container: ContainerSettings | None = None) -> list[TaskPlan]:
    """Return leaves with ids of 64 characters. The FinalizeTask can depend on 1,000 of them, not on more."""
    return [
        TaskPlan(id=f"t{number:063d}", command_line="x", container_settings=container)
        for number in range(count)
    ]


def test_up_to_a_thousand_named_leaves_need_no_gathering_tasks() -> None:
    assert completed(*named(1000)).gathering_tasks == ()
    plan = completed(*named(1001), TaskPlan(id="7", command_line="x"))
    assert [len(task.depends_on) for task in plan.gathering_tasks] == [1000, 1]
    assert plan.finalize_task.depends_on == ("7", "batchmgr-gather-1", "batchmgr-gather-2")
    assert plan.total == 1002 + 2 + 1


def test_gathering_and_finalize_tasks_run_in_the_container_of_the_other_tasks() -> None:
    plan = completed(*named(1001, IMAGE))
    own = [*plan.gathering_tasks, plan.finalize_task]
    assert [task.container_settings for task in own] == [IMAGE] * 3
    assert completed(*named(1)).finalize_task.container_settings is None


def test_a_finalize_task_keeps_its_own_container() -> None:
    finalize = TaskPlan(id="", command_line="finalize", container_settings=OTHER)
    plan = completed(*named(1, IMAGE), finalize=finalize)
    assert plan.finalize_task.container_settings == OTHER


def test_a_job_planned_on_a_node_has_a_complete_finalize_task_before_its_tasks_are_known() -> None:
    manager = {"commandLine": "python3.8 -m legacy", "containerSettings": {"imageName": "ubuntu:16.04"}}
    body = {"jobId": "j", "workload": "legacy", "jobManagerTask": manager}
    message = decode_job(json.dumps(body).encode())
    plan = plan_job("j", message, workloads=WorkloadRegistry({}), default_pool_id="p")
    assert plan.awaits_tasks
    assert plan.finalize_task.container_settings == ContainerSettings(image_name="ubuntu:16.04")


class PoolManager(JobManager):
    """Asks for an auto pool."""

    def create_job(self) -> None:
        image = ImageReference(virtual_machine_image_id="/images/mine")
        self.job.auto_pool = AutoPoolSpecification(
            vm_size="small", image=image, node_agent_sku_id="batch.node.el 8", target_dedicated_nodes=1
        )
        self.add_command_task("x")


class PoolBuilder(JobManagerBuilder):
    """Builds the job manager."""

    job_manager_type = PoolManager


class PoolWorkload(WorkloadBase):
    """A workload with an auto pool."""

    def __init__(self, batch_client: None = None) -> None:
        super().__init__(batch_client, PoolBuilder)


def test_the_auto_pool_of_a_workload_replaces_the_default_pool() -> None:
    message = decode_job(b'{"jobId": "j", "workload": "pool"}')
    registry = WorkloadRegistry({"pool": lambda: PoolWorkload})
    plan = plan_job("j", message, workloads=registry, default_pool_id="hpc")
    assert plan.job.auto_pool is not None
    assert plan.job.pool_id == ""
