"""The body of the request that adds an Azure Batch job, built from the plan (api-version 2025-06-01)."""

from batchmgr.batch_bodies.file_bodies import Json
from batchmgr.batch_bodies.kept_streams import KeptStreams
from batchmgr.batch_bodies.task_body import (
    duration,
    environment,
    limits,
    output_files,
    packages,
    run_body,
)
from batchmgr.model.container_access import StorageAccess
from batchmgr.plan.file_specifications import ContainerNeed
from batchmgr.plan.job_plan import (
    REPORTS_FOLDER,
    REPORTS_IDENTITY_VARIABLE,
    REPORTS_URL_VARIABLE,
    TRACE_VARIABLE,
    JobPlan,
    TaskPlan,
)
from batchmgr.plan.job_specification import AutoPoolSpecification, JobPreparationTask

DIGEST_NAME = "batchmgr:digest"
"""Name of the metadata item by which batchmgr recognizes the Batch jobs that it has created."""


def job_body(plan: JobPlan, access: StorageAccess, digest: str) -> Json:
    """Return the body that adds the job. The job stays open until batchmgr has added all its tasks."""
    job = plan.job
    body: Json = {
        "id": plan.job_id,
        "poolInfo": {"autoPoolSpecification": _auto_pool(job.auto_pool)}
        if job.auto_pool
        else {"poolId": job.pool_id},
        "usesTaskDependencies": True,
        "onAllTasksComplete": "noaction",
        "onTaskFailure": "performexitoptionsjobaction" if plan.has_job_actions else "noaction",
        "metadata": [{"name": DIGEST_NAME, "value": digest}],
    }
    if job.max_wall_clock_time is not None:
        body["constraints"] = {"maxWallClockTime": duration(job.max_wall_clock_time)}
    if job.priority:
        body["priority"] = job.priority
    if job.max_parallel_tasks != -1:
        body["maxParallelTasks"] = job.max_parallel_tasks
    trace = {TRACE_VARIABLE: plan.traceparent} if plan.traceparent else {}
    variables = {**trace, **job.environment, **_reporting(plan.reports_need, access)}
    if variables:
        body["commonEnvironmentSettings"] = environment(variables)
    if job.job_preparation_task is not None:
        body["jobPreparationTask"] = _preparation(job.job_preparation_task, access)
    if job.job_release_task is not None:
        # Unlike in all other tasks, the limits are properties of the task, not of its constraints.
        body["jobReleaseTask"] = {**run_body(job.job_release_task, access), **limits(job.job_release_task)}
    if plan.job_manager_task is not None:
        body["jobManagerTask"] = _job_manager(plan.job_manager_task, access, KeptStreams.of(plan, access))
    return body


def _reporting(need: ContainerNeed | None, access: StorageAccess) -> dict[str, str]:
    if need is None:
        return {}
    container = access[need]
    variables = {REPORTS_URL_VARIABLE: container.blob_url(REPORTS_FOLDER)}
    if container.identity_reference:
        variables[REPORTS_IDENTITY_VARIABLE] = container.identity_reference
    return variables


def _preparation(task: JobPreparationTask, access: StorageAccess) -> Json:
    return {
        **run_body(task, access),
        "constraints": {"maxTaskRetryCount": task.max_task_retry_count, **limits(task)},
        "waitForSuccess": task.wait_for_success,
        "rerunOnNodeRebootAfterSuccess": task.rerun_on_node_reboot_after_success,
    }


def _job_manager(task: TaskPlan, access: StorageAccess, kept: KeptStreams | None) -> Json:
    body = run_body(task, access)
    body["constraints"] = {"maxTaskRetryCount": task.max_task_retry_count, **limits(task)}
    body["outputFiles"] = output_files(task, access, kept)
    if task.application_packages:
        body["applicationPackageReferences"] = packages(task.application_packages)
    return {
        "id": task.id,
        "displayName": task.display_name,
        **body,
        "requiredSlots": task.required_slots,
        # The job continues after this task has planned it. The node may run tasks of other jobs meanwhile.
        "killJobOnCompletion": False,
        "runExclusive": False,
    }


def _auto_pool(pool: AutoPoolSpecification) -> Json:
    machine: Json = {
        "imageReference": {
            name: value
            for name, value in {
                "publisher": pool.image.publisher,
                "offer": pool.image.offer,
                "sku": pool.image.sku,
                "version": pool.image.version,
                "virtualMachineImageId": pool.image.virtual_machine_image_id,
            }.items()
            if value
        },
        "nodeAgentSKUId": pool.node_agent_sku_id,
    }
    if pool.container_image_names:
        machine["containerConfiguration"] = {
            "type": "dockerCompatible",
            "containerImageNames": list(pool.container_image_names),
        }
    body: Json = {
        "vmSize": pool.vm_size,
        "virtualMachineConfiguration": machine,
        "taskSlotsPerNode": pool.task_slots_per_node,
        "enableInterNodeCommunication": pool.enable_inter_node_communication,
    }
    if pool.autoscale_formula:
        body |= {"enableAutoScale": True, "autoScaleFormula": pool.autoscale_formula}
        if pool.autoscale_evaluation_interval is not None:
            body["autoScaleEvaluationInterval"] = duration(pool.autoscale_evaluation_interval)
    else:
        body["targetDedicatedNodes"] = pool.target_dedicated_nodes
        body["targetLowPriorityNodes"] = pool.target_low_priority_nodes
    if pool.start_task_command_line:
        body["startTask"] = {"commandLine": pool.start_task_command_line, "waitForSuccess": True}
    if pool.application_packages:
        body["applicationPackageReferences"] = packages(pool.application_packages)
    if pool.subnet_id:
        body["networkConfiguration"] = {"subnetId": pool.subnet_id}
    return {
        "autoPoolIdPrefix": "batchmgr",
        "poolLifetimeOption": "job",
        "keepAlive": pool.keep_alive,
        "pool": body,
    }
