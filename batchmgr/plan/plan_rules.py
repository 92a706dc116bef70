"""The rules on the plan of a whole job: what Azure Batch would refuse, or would never run.

Each broken rule is an `InvalidJobError` that names the field, as a path in the job message, and says what to
change. `task_rules`, `file_rules` and `rules_between_tasks` have the rules on tasks, their files and their
order.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Iterator, Sequence, Union

from batchmgr.errors import InvalidJobError
from batchmgr.plan.container_rules import DEFAULT_RULES, ContainerRules
from batchmgr.plan.file_rules import is_resource_id
from batchmgr.plan.file_specifications import InputFileSpecification, OutputFileSpecification
from batchmgr.plan.finalize_task import finalize_blob
from batchmgr.plan.job_plan import JobPlan, TaskPlan
from batchmgr.plan.job_specification import AutoPoolSpecification, JobSpecification
from batchmgr.plan.rules_between_tasks import RulesBetweenTasks
from batchmgr.plan.task_rules import (
    INT32,
    LONGEST_RELEASE,
    MAX_SLOTS,
    environment_problems,
    in_range,
    package_problems,
    positive,
    run_problems,
    task_problems,
)

PRIORITIES = range(-1000, 1001)
SHORTEST_AUTOSCALE_INTERVAL = timedelta(minutes=5)
LONGEST_AUTOSCALE_INTERVAL = timedelta(hours=168)
MAX_POOL_PACKAGES = 10
"""Source of these three: https://learn.microsoft.com/javascript/api/@azure-rest/batch/batchpoolcreateoptions"""

_NO_IDENTITY = (
    "Azure Batch gives no managed identity to an autoPool: use a pool that has it (poolId), or leave the "
    "identity out if the file is in batchmgr's own storage account"
)
Files = Sequence[Union[InputFileSpecification, OutputFileSpecification]]


def plan_problems(plan: JobPlan, containers: ContainerRules = DEFAULT_RULES) -> Iterator[InvalidJobError]:
    """Yield an error for every rule that the plan breaks. A task's index is that among its `stand_ins`."""
    yield from _job_problems(plan.job)
    if plan.job_manager_task is not None:
        yield from task_problems(plan.job_manager_task, "jobManagerTask", is_own=True)
    elif not plan.tasks:
        yield InvalidJobError("a job needs at least one task", field="tasks")
    for index, task in enumerate(plan.stand_ins):
        yield from task_problems(task, f"tasks[{index}]")
    yield from task_problems(_own_part(plan), "finalizeTask", is_own=True)
    for field, files in _files(plan):
        yield from containers.file_problems(plan.job_id, files, field)
    between = RulesBetweenTasks(plan.job_id)
    for task in plan.stand_ins:
        yield from between.add(task)
    yield from between.end(plan.stand_ins)
    yield from _container_problems(plan)
    if plan.job.auto_pool is not None:
        yield from _auto_pool_problems(plan.job.auto_pool)
        for field, files in _files(plan):
            yield from _identity_problems(field, files)
        for field, task in _named_tasks(plan):
            yield from _capability_problems(task, plan.job.auto_pool, field)


def _named_tasks(plan: JobPlan) -> Iterator[tuple[str, TaskPlan]]:
    """Yield all tasks that a message or workload can describe, each with its field."""
    for index, task in enumerate(plan.stand_ins):
        yield f"tasks[{index}]", task
    yield "finalizeTask", _own_part(plan)
    if plan.job_manager_task is not None:
        yield "jobManagerTask", plan.job_manager_task


def _own_part(plan: JobPlan) -> TaskPlan:
    """Return the FinalizeTask as an author can describe it: without the finalize blob of this job."""
    own = finalize_blob(plan.job_id)
    files = tuple(file for file in plan.finalize_task.output_files if file != own)
    return replace(plan.finalize_task, output_files=files)


def _container_problems(plan: JobPlan) -> Iterator[InvalidJobError]:
    """Yield an error for each task without a container in a job whose pool runs containers.

    Nodes that are made for containers fail a task without container settings
    (`ContainerTaskSettingsNotFound`). Other nodes fail a task with them.
    Source: https://learn.microsoft.com/rest/api/batchservice/task/add, containerSettings, and
    https://github.com/microsoft/ga4gh-tes/issues/525
    """
    pool = plan.job.auto_pool
    in_containers = pool is not None and bool(pool.container_image_names)
    in_containers = in_containers or any(task.container_settings for _, task in _named_tasks(plan))
    for field, task in _named_tasks(plan):
        if in_containers and task.container_settings is None:
            yield InvalidJobError(
                "required, since this pool runs its tasks in containers, as other tasks of this job or its "
                "containerImageNames show. Azure Batch would fail a task without it",
                field=f"{field}.containerSettings",
            )


def _job_problems(job: JobSpecification) -> Iterator[InvalidJobError]:
    if job.pool_id and job.auto_pool is not None:
        yield InvalidJobError("give either poolId or autoPool", field="autoPool")
    if not job.pool_id and job.auto_pool is None:
        yield InvalidJobError(
            "required, since this batchmgr has no default pool: give poolId or autoPool", field="poolId"
        )
    if job.priority not in PRIORITIES:
        yield InvalidJobError(f"must be from -1000 to 1000, not {job.priority}", field="priority")
    if job.max_parallel_tasks != -1 and not 1 <= job.max_parallel_tasks <= INT32[-1]:
        yield InvalidJobError("must be 1 or more, or -1 for no limit", field="maxParallelTasks")
    yield from positive(job.max_wall_clock_time, "maxWallClockTime")
    yield from environment_problems(job.environment, "environment")
    if job.job_preparation_task is not None:
        task = job.job_preparation_task
        yield from run_problems(task, "jobPreparationTask")
        yield from in_range(task.max_task_retry_count, -1, INT32[-1], "jobPreparationTask.maxTaskRetryCount")
    if job.job_release_task is not None:
        yield from run_problems(job.job_release_task, "jobReleaseTask")
        limit = job.job_release_task.max_wall_clock_time
        if limit is not None and limit > LONGEST_RELEASE:
            yield InvalidJobError("must be PT15M or shorter", field="jobReleaseTask.maxWallClockTime")
        if job.job_preparation_task is None:
            yield InvalidJobError(
                "Azure Batch runs it only where a jobPreparationTask has run: give one too",
                field="jobReleaseTask",
            )


def _auto_pool_problems(pool: AutoPoolSpecification) -> Iterator[InvalidJobError]:
    field = "autoPool"
    has_targets = bool(pool.target_dedicated_nodes or pool.target_low_priority_nodes)
    yield from in_range(pool.target_dedicated_nodes, 0, INT32[-1], f"{field}.targetDedicatedNodes")
    yield from in_range(pool.target_low_priority_nodes, 0, INT32[-1], f"{field}.targetLowPriorityNodes")
    for name, text in (("vmSize", pool.vm_size), ("nodeAgentSkuId", pool.node_agent_sku_id)):
        if not text.strip():
            yield InvalidJobError("must not be empty", field=f"{field}.{name}")
    if pool.subnet_id and not is_resource_id(pool.subnet_id):
        yield InvalidJobError(
            "must be the resource id of a subnet (/subscriptions/…/subnets/…)", field=f"{field}.subnetId"
        )
    if has_targets and pool.autoscale_formula:
        yield InvalidJobError(
            "give either targetDedicatedNodes and targetLowPriorityNodes, or an autoscaleFormula",
            field=f"{field}.autoscaleFormula",
        )
    if not has_targets and not pool.autoscale_formula:
        yield InvalidJobError(
            "the pool would have no nodes: give targetDedicatedNodes, targetLowPriorityNodes or an "
            "autoscaleFormula",
            field=f"{field}.targetDedicatedNodes",
        )
    interval = pool.autoscale_evaluation_interval
    if interval is not None and not SHORTEST_AUTOSCALE_INTERVAL <= interval <= LONGEST_AUTOSCALE_INTERVAL:
        yield InvalidJobError("must be from PT5M to P7D", field=f"{field}.autoscaleEvaluationInterval")
    yield from in_range(pool.task_slots_per_node, 1, MAX_SLOTS, f"{field}.taskSlotsPerNode")
    image = pool.image
    named = bool(image.publisher and image.offer and image.sku)
    if named == bool(image.virtual_machine_image_id):
        yield InvalidJobError(
            "give publisher, offer and sku, or virtualMachineImageId", field=f"{field}.image"
        )
    if len(pool.application_packages) > MAX_POOL_PACKAGES:
        yield InvalidJobError(
            f"a pool may have at most {MAX_POOL_PACKAGES}: give the others to the tasks that need them",
            field=f"{field}.applicationPackages",
        )
    yield from package_problems(pool.application_packages, f"{field}.applicationPackages", of_pool=True)


def _files(plan: JobPlan) -> Iterator[tuple[str, Files]]:
    nodes = {"jobPreparationTask": plan.job.job_preparation_task, "jobReleaseTask": plan.job.job_release_task}
    for name, node_task in nodes.items():
        if node_task is not None:
            yield f"{name}.inputFiles", node_task.input_files
    for field, task in _named_tasks(plan):
        yield from ((f"{field}.{name}", files) for name, files in task.files.items())


def _identity_problems(field: str, files: Files) -> Iterator[InvalidJobError]:
    for index, file in enumerate(files):
        if file.identity_reference:
            yield InvalidJobError(_NO_IDENTITY, field=f"{field}[{index}].identityReference")


def _capability_problems(
    task: TaskPlan, pool: AutoPoolSpecification, field: str
) -> Iterator[InvalidJobError]:
    if task.required_slots > pool.task_slots_per_node:
        yield InvalidJobError(
            f"{task.required_slots} slots never fit a node of this autoPool, which has "
            f"{pool.task_slots_per_node} (taskSlotsPerNode): ask for fewer slots, or give the nodes more",
            field=f"{field}.requiredSlots",
        )
    container = task.container_settings
    if container is not None and container.registry_identity_reference:
        yield InvalidJobError(_NO_IDENTITY, field=f"{field}.containerSettings.registryIdentityReference")
    if container is not None and not pool.container_image_names:
        yield InvalidJobError(
            "nodes of this autoPool can't run containers: give it containerImageNames",
            field=f"{field}.containerSettings",
        )
    settings = task.multi_instance_settings
    if settings is None:
        return
    if not pool.enable_inter_node_communication or pool.task_slots_per_node != 1:
        yield InvalidJobError(
            "a multi-instance task needs an autoPool with enableInterNodeCommunication and one slot a node",
            field=f"{field}.multiInstanceSettings",
        )
    nodes = pool.target_dedicated_nodes + pool.target_low_priority_nodes
    if not pool.autoscale_formula and settings.number_of_instances > nodes:
        yield InvalidJobError(
            f"{settings.number_of_instances} instances never fit the {nodes} nodes of this autoPool: ask for "
            "fewer instances, or give the pool more nodes",
            field=f"{field}.multiInstanceSettings.numberOfInstances",
        )
