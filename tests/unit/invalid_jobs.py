"""Invalid properties of jobs."""

from datetime import timedelta

from batchmgr import (
    ApplicationPackageReference,
    ImageReference,
    JobPreparationTask,
    JobReleaseTask,
)
from tests.unit.invalid_case import POOL, InvalidCase, change_job, pool

JOBS = [
    InvalidCase(
        name="a pool and a pool made for the job",
        job={"poolId": "hpc", "autoPool": POOL},
        author=lambda manager, task: setattr(manager.job, "auto_pool", pool()),
        field="autoPool",
        words="give either poolId or autoPool",
    ),
    InvalidCase(
        name="no pool",
        job={"poolId": ""},
        author=change_job(pool_id=""),
        field="poolId",
        words="required, since this batchmgr has no default pool",
    ),
    InvalidCase(
        name="a priority out of range",
        job={"priority": 1001},
        author=change_job(priority=1001),
        field="priority",
        words="must be from -1000 to 1000, not 1001",
    ),
    InvalidCase(
        name="no parallel tasks",
        job={"maxParallelTasks": 0},
        author=change_job(max_parallel_tasks=0),
        field="maxParallelTasks",
        words="must be 1 or more, or -1 for no limit",
    ),
    InvalidCase(
        name="a job's wall clock of nothing",
        job={"maxWallClockTime": "PT0S"},
        author=change_job(max_wall_clock_time=timedelta(0)),
        field="maxWallClockTime",
        words="must be longer than zero",
    ),
    InvalidCase(
        name="a job's variable that is none",
        job={"environment": {"1A": "x"}},
        author=change_job(environment={"1A": "x"}),
        field="environment.1A",
        words="not an environment variable",
    ),
    InvalidCase(
        name="a release without a preparation",
        job={"jobReleaseTask": {"commandLine": "x"}},
        author=change_job(job_release_task=JobReleaseTask(command_line="x")),
        field="jobReleaseTask",
        words="only where a jobPreparationTask has run: give one too",
    ),
    InvalidCase(
        name="a release that takes too long",
        job={
            "jobPreparationTask": {"commandLine": "x"},
            "jobReleaseTask": {"commandLine": "x", "maxWallClockTime": "PT16M"},
        },
        author=change_job(
            job_preparation_task=JobPreparationTask(command_line="x"),
            job_release_task=JobReleaseTask(command_line="x", max_wall_clock_time=timedelta(minutes=16)),
        ),
        field="jobReleaseTask.maxWallClockTime",
        words="must be PT15M or shorter",
    ),
    InvalidCase(
        name="a preparation's retries below -1",
        job={"jobPreparationTask": {"commandLine": "x", "maxTaskRetryCount": -2}},
        author=change_job(job_preparation_task=JobPreparationTask(command_line="x", max_task_retry_count=-2)),
        field="jobPreparationTask.maxTaskRetryCount",
        words="must be -1 or more|>= -1",
    ),
    InvalidCase(
        name="targets and a formula",
        job={"autoPool": {**POOL, "autoscaleFormula": "$TargetDedicatedNodes = 1;"}},
        author=change_job(auto_pool=pool(autoscale_formula="$TargetDedicatedNodes = 1;")),
        field="autoPool.autoscaleFormula",
        words="give either targetDedicatedNodes and targetLowPriorityNodes, or an autoscaleFormula",
    ),
    InvalidCase(
        name="a pool without nodes",
        job={"autoPool": {**POOL, "targetDedicatedNodes": 0}},
        author=change_job(auto_pool=pool(target_dedicated_nodes=0)),
        field="autoPool.targetDedicatedNodes",
        words="the pool would have no nodes",
    ),
    InvalidCase(
        name="less than no nodes",
        job={"autoPool": {**POOL, "targetLowPriorityNodes": -1}},
        author=change_job(auto_pool=pool(target_low_priority_nodes=-1)),
        field="autoPool.targetLowPriorityNodes",
        words="must be 0 or more, not -1",
    ),
    *(
        InvalidCase(
            name=f"an interval of {text}",
            job={
                "autoPool": {
                    **POOL,
                    "targetDedicatedNodes": 0,
                    "autoscaleFormula": "$TargetDedicatedNodes = 1;",
                    "autoscaleEvaluationInterval": text,
                }
            },
            author=change_job(
                auto_pool=pool(
                    target_dedicated_nodes=0,
                    autoscale_formula="$TargetDedicatedNodes = 1;",
                    autoscale_evaluation_interval=time,
                )
            ),
            field="autoPool.autoscaleEvaluationInterval",
            words="must be from PT5M to P7D",
        )
        for text, time in (("PT4M", timedelta(minutes=4)), ("P8D", timedelta(days=8)))
    ),
    InvalidCase(
        name="two images",
        job={"autoPool": {**POOL, "image": {**POOL["image"], "virtualMachineImageId": "/i"}}},
        author=change_job(
            auto_pool=pool(
                image=ImageReference(publisher="a", offer="b", sku="c", virtual_machine_image_id="/i")
            )
        ),
        field="autoPool.image",
        words="give publisher, offer and sku, or virtualMachineImageId",
    ),
    InvalidCase(
        name="no machine",
        job={"autoPool": {**POOL, "vmSize": " "}},
        author=change_job(auto_pool=pool(vm_size=" ")),
        field="autoPool.vmSize",
        words="must not be empty",
    ),
    InvalidCase(
        name="more slots than a node may have",
        job={"autoPool": {**POOL, "taskSlotsPerNode": 257}},
        author=change_job(auto_pool=pool(task_slots_per_node=257)),
        field="autoPool.taskSlotsPerNode",
        words="must be from 1 to 256, not 257",
    ),
    InvalidCase(
        name="a subnet by its name",
        job={"autoPool": {**POOL, "subnetId": "default"}},
        author=change_job(auto_pool=pool(subnet_id="default")),
        field="autoPool.subnetId",
        words="must be the resource id of a subnet",
    ),
    InvalidCase(
        name="more packages than a pool may have",
        job={"autoPool": {**POOL, "applicationPackages": [{"applicationId": f"a{n}"} for n in range(11)]}},
        author=change_job(
            auto_pool=pool(
                application_packages=tuple(
                    ApplicationPackageReference(application_id=f"a{n}") for n in range(11)
                )
            )
        ),
        field="autoPool.applicationPackages",
        words="a pool may have at most 10: give the others to the tasks",
    ),
]
