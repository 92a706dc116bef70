"""Invalid options of tasks."""

from datetime import timedelta

from batchmgr import (
    ApplicationPackageReference,
    ContainerSettings,
    ExitCodeMapping,
    ExitCodeRangeMapping,
    ExitConditions,
    ExitOptions,
    MultiInstanceSettings,
    UserIdentity,
)
from tests.unit.invalid_case import (
    CONTAINER,
    ID,
    MPI,
    POOL,
    SETTINGS,
    InvalidCase,
    both,
    change,
    change_job,
    on_auto_pool,
    pool,
)

OPTIONS = [
    InvalidCase(
        name="retries below -1",
        task={"maxTaskRetryCount": -2},
        author=change(max_task_retry_count=-2),
        field="tasks[0].maxTaskRetryCount",
        words="must be -1 or more|>= -1",
    ),
    InvalidCase(
        name="no slots",
        task={"requiredSlots": 0},
        author=change(required_slots=0),
        field="tasks[0].requiredSlots",
        words="must be from 1 to 256|>= 1",
    ),
    InvalidCase(
        name="more slots than any node has",
        task={"requiredSlots": 257},
        author=change(required_slots=257),
        field="tasks[0].requiredSlots",
        words="must be from 1 to 256, not 257",
    ),
    InvalidCase(
        name="slots that never fit",
        task={"requiredSlots": 3},
        job={"autoPool": {**POOL, "taskSlotsPerNode": 2}},
        author=on_auto_pool(change(required_slots=3), task_slots_per_node=2),
        field="tasks[0].requiredSlots",
        words=r"3 slots never fit a node of this autoPool, which has 2 \(taskSlotsPerNode\)",
    ),
    InvalidCase(
        name="a wall clock of nothing",
        task={"maxWallClockTime": "PT0S"},
        author=change(max_wall_clock_time=timedelta(0)),
        field="tasks[0].maxWallClockTime",
        words="must be longer than zero, such as PT6H",
    ),
    InvalidCase(
        name="a wall clock of thirty thousand years",
        task={"maxWallClockTime": "P10675200D"},
        author=change(max_wall_clock_time=timedelta(days=10_675_200)),
        field="tasks[0].maxWallClockTime",
        words="longer than Azure Batch can express: leave it out for no limit",
    ),
    InvalidCase(
        name="a retention of less than nothing",
        task={"retentionTime": "-PT1S"},
        author=change(retention_time=timedelta(seconds=-1)),
        field="tasks[0].retentionTime",
        words="must be longer than zero",
    ),
    InvalidCase(
        name="a variable that is none",
        task={"environment": {"A-B": "x"}},
        author=change(environment={"A-B": "x"}),
        field="tasks[0].environment.A-B",
        words="not an environment variable",
    ),
    InvalidCase(
        name="a variable of Azure Batch's own",
        task={"environment": {"AZ_BATCH_TASK_ID": "x"}},
        author=change(environment={"AZ_BATCH_TASK_ID": "x"}),
        field="tasks[0].environment.AZ_BATCH_TASK_ID",
        words="are set by Azure Batch",
    ),
    InvalidCase(
        name="a variable that no program can be started with",
        task={"environment": {"A": "x" * 131072}},
        author=change(environment={"A": "x" * 131072}),
        field="tasks[0].environment.A",
        words="longer than the 128 KiB .*: put it in a file and name that in inputFiles",
    ),
    InvalidCase(
        name="an exit code that is no number of Azure Batch's",
        task={"exitConditions": {"exitCodes": [{"code": 2**31, "exitOptions": {}}]}},
        author=change(
            exit_conditions=ExitConditions(
                exit_codes=(ExitCodeMapping(code=2**31, exit_options=ExitOptions()),)
            )
        ),
        field="tasks[0].exitConditions.exitCodes[0].code",
        words="must be from -2147483648 to 2147483647",
    ),
    InvalidCase(
        name="exit codes from high to low",
        task={"exitConditions": {"exitCodeRanges": [{"start": 3, "end": 2, "exitOptions": {}}]}},
        author=change(
            exit_conditions=ExitConditions(
                exit_code_ranges=(ExitCodeRangeMapping(start=3, end=2, exit_options=ExitOptions()),)
            )
        ),
        field="tasks[0].exitConditions.exitCodeRanges[0]",
        words="start must not be greater than end",
    ),
    InvalidCase(
        name="a job action that is none",
        task={"exitConditions": {"default": {"jobAction": "explode"}}},
        author=change(exit_conditions=ExitConditions(default=ExitOptions(job_action="explode"))),
        field="tasks[0].exitConditions.default.jobAction",
        words="must be one of none, disable, terminate|invalid enum value",
    ),
    InvalidCase(
        name="a user by name with a scope",
        task={"userIdentity": {"userName": "ann", "scope": "task"}},
        author=change(user_identity=UserIdentity(user_name="ann", scope="task")),
        field="tasks[0].userIdentity",
        words="give either a userName, or a scope and an elevationLevel",
    ),
    InvalidCase(
        name="an application package's id that is none",
        task={"applicationPackages": [{"applicationId": "my solver"}]},
        author=change(application_packages=[ApplicationPackageReference(application_id="my solver")]),
        field="tasks[0].applicationPackages[0].applicationId",
        words="must be 1 to 64 of",
    ),
    InvalidCase(
        name="an application package's version that is none",
        task={"applicationPackages": [{"applicationId": "solver", "version": "1/2"}]},
        author=change(
            application_packages=[ApplicationPackageReference(application_id="solver", version="1/2")]
        ),
        field="tasks[0].applicationPackages[0].version",
        words="must be 1 to 64 of",
    ),
    InvalidCase(
        name="several nodes and several slots",
        task={"multiInstanceSettings": MPI, "requiredSlots": 2},
        author=change(multi_instance_settings=SETTINGS, required_slots=2),
        field="tasks[0].requiredSlots",
        words="a multi-instance task takes one slot a node",
    ),
    InvalidCase(
        name="several nodes of a pool whose nodes may not talk",
        task={"multiInstanceSettings": MPI},
        job={"autoPool": POOL},
        author=on_auto_pool(change(multi_instance_settings=SETTINGS)),
        field="tasks[0].multiInstanceSettings",
        words="needs an autoPool with enableInterNodeCommunication and one slot a node",
    ),
    InvalidCase(
        name="more nodes than the pool has",
        task={"multiInstanceSettings": {**MPI, "numberOfInstances": 3}},
        job={"autoPool": {**POOL, "enableInterNodeCommunication": True}},
        author=on_auto_pool(
            change(
                multi_instance_settings=MultiInstanceSettings(
                    number_of_instances=3, coordination_command_line="true"
                )
            ),
            enable_inter_node_communication=True,
        ),
        field="tasks[0].multiInstanceSettings.numberOfInstances",
        words="3 instances never fit the 2 nodes of this autoPool",
    ),
    InvalidCase(
        name="containers on a pool that has none",
        task={"containerSettings": CONTAINER},
        job={"autoPool": POOL},
        author=on_auto_pool(change(container_settings=ContainerSettings(image_name="ubuntu:16.04"))),
        field="tasks[0].containerSettings",
        words="can't run containers: give it containerImageNames",
    ),
    InvalidCase(
        name="a task without a container on a pool of containers",
        job={"autoPool": {**POOL, "containerImageNames": ["ubuntu:16.04"]}},
        author=change_job(auto_pool=pool(container_image_names=("ubuntu:16.04",))),
        field="tasks[0].containerSettings",
        words="required, since this pool runs its tasks in containers",
    ),
    InvalidCase(
        name="a task without a container beside one that has it",
        job={
            "tasks": [
                {"id": "1", "commandLine": "x", "containerSettings": CONTAINER},
                {"id": "2", "commandLine": "x"},
            ]
        },
        author=both(
            change(container_settings=ContainerSettings(image_name="ubuntu:16.04")),
            lambda manager, task: manager.add_command_task("x"),
        ),
        field="tasks[1].containerSettings",
        words="required, since this pool runs its tasks in containers",
    ),
    InvalidCase(
        name="a registry's identity on a pool made for the job",
        task={
            "containerSettings": {
                **CONTAINER,
                "registryServer": "r.azurecr.io",
                "registryIdentityReference": ID,
            }
        },
        job={"autoPool": {**POOL, "containerImageNames": ["ubuntu:16.04"]}},
        author=on_auto_pool(
            change(
                container_settings=ContainerSettings(
                    image_name="ubuntu:16.04",
                    registry_server="r.azurecr.io",
                    registry_identity_reference=ID,
                )
            ),
            container_image_names=("ubuntu:16.04",),
        ),
        field="tasks[0].containerSettings.registryIdentityReference",
        words="no managed identity to an autoPool",
    ),
    InvalidCase(
        name="a registry without an identity",
        task={"containerSettings": {**CONTAINER, "registryServer": "r.azurecr.io"}},
        author=change(container_settings=ContainerSettings(image_name="u", registry_server="r.azurecr.io")),
        field="tasks[0].containerSettings.registryServer",
        words="give registryServer and registryIdentityReference together",
    ),
]
