"""Invalid ids, dependencies and files."""

from batchmgr import (
    InputFileSpecification,
    JobManager,
    JobPreparationTask,
    MultiInstanceSettings,
)
from tests.unit.invalid_case import (
    FILE,
    ID,
    MPI,
    OUTPUT,
    POOL,
    InvalidCase,
    both,
    change,
    change_job,
    file,
    on_auto_pool,
    output,
)

LONG = "x" * 1025


def add(manager: JobManager, task_id: str) -> None:
    """Add a task with this id."""
    manager.add_command_task("x").id = task_id


IDS = [
    InvalidCase(
        name="an id that is too long",
        task={"id": "x" * 65},
        author=change(id="x" * 65),
        field="tasks[0].id",
        words="must be 1 to 64 of A-Z a-z 0-9 _ -",
    ),
    InvalidCase(
        name="an id with odd characters",
        task={"id": "a b"},
        author=change(id="a b"),
        field="tasks[0].id",
        words="must be 1 to 64 of A-Z a-z 0-9 _ -, not 'a b'",
    ),
    InvalidCase(
        name="a reserved id",
        task={"id": "Batchmgr-mine"},
        author=change(id="Batchmgr-mine"),
        field="tasks[0].id",
        words="ids that begin with batchmgr- are reserved",
    ),
    InvalidCase(
        name="two ids that are the same number",
        task={"id": "003"},
        job={"tasks": [{"id": "003", "commandLine": "x"}, {"id": "3", "commandLine": "x"}]},
        author=both(change(id="003"), lambda manager, task: add(manager, "3")),
        field="tasks[0].id",
        words="'003' and '3' are the same number: Azure Batch takes one for the other",
    ),
    InvalidCase(
        name="two ids that differ in case",
        task={"id": "Other"},
        job={"tasks": [{"id": "Other", "commandLine": "x"}, {"id": "other", "commandLine": "x"}]},
        author=both(change(id="Other"), lambda manager, task: add(manager, "other")),
        field="tasks[1].id",
        words="'other' is taken by 'Other': Azure Batch ignores case",
    ),
    InvalidCase(
        name="a task that is not there",
        task={"dependsOn": ["nobody"]},
        field="tasks[0].dependsOn[0]",
        words="there is no task 'nobody'",
    ),
    InvalidCase(
        name="a circle",
        job={
            "tasks": [
                {"id": "1", "commandLine": "x", "dependsOn": ["2"]},
                {"id": "2", "commandLine": "x", "dependsOn": ["1"]},
            ]
        },
        author=lambda manager, task: task.depends_on.append(manager.add_command_task("x", [task])),
        field="tasks",
        words="tasks wait for each other: 1 → 2 → 1",
    ),
    InvalidCase(
        name="a display name that is too long",
        task={"displayName": LONG},
        author=change(display_name=LONG),
        field="tasks[0].displayName",
        words="has 1025 characters, but may have at most 1024",
    ),
    InvalidCase(
        name="a command that is none",
        task={"commandLine": " "},
        author=change(command_line=" "),
        field="tasks[0].commandLine",
        words="must be a command",
    ),
    InvalidCase(
        name="dependencies with too many characters",
        job={
            "tasks": [
                *({"id": f"{n:064d}", "commandLine": "x"} for n in range(1001)),
                {"id": "last", "commandLine": "x", "dependsOn": [f"{n:064d}" for n in range(1001)]},
            ]
        },
        field="tasks[1001].dependsOn",
        words="the ids of 1001 tasks have more than 64000 characters. Use integer ids",
    ),
]

FILES = [
    InvalidCase(
        name="a target outside the working directory",
        task={"inputFiles": [{**FILE, "targetFilePath": "../a"}]},
        author=change(input_files=[file(target_file_path="../a")]),
        field="tasks[0].inputFiles[0].targetFilePath",
        words="must not hold empty parts, '.' or '..'",
    ),
    InvalidCase(
        name="an absolute source",
        task={"outputFiles": [{**OUTPUT, "sourceFilePath": "/etc/passwd"}]},
        author=change(output_files=[output(source_file_path="/etc/passwd")]),
        field="tasks[0].outputFiles[0].sourceFilePath",
        words="must be relative",
    ),
    InvalidCase(
        name="a file mode that is none",
        task={"inputFiles": [{**FILE, "fileMode": "rwx"}]},
        author=change(input_files=[file(file_mode="rwx")]),
        field="tasks[0].inputFiles[0].fileMode",
        words="must be a mode in octal, such as 0770",
    ),
    *(
        InvalidCase(
            name=f"the container {container}",
            task={"inputFiles": [{**FILE, "containerName": container}]},
            author=change(input_files=[file(container_name=container)]),
            field="tasks[0].inputFiles[0].containerName",
            words=f"{container!r} is reserved",
        )
        for container in (
            *("batchmgr-jobs", "batchmgr-events", "batchmgr-finalize", "batchmgr-requests"),
            *("batchmgr-app-package", "app-package-myapp-0a1b2c3", "azure-webjobs-secrets", "scm-releases"),
        )
    ),
    InvalidCase(
        name="the container of another job",
        task={"outputFiles": [{**OUTPUT, "containerName": "job-other"}]},
        author=change(output_files=[output(container_name="job-other")]),
        field="tasks[0].outputFiles[0].containerName",
        words="'job-other' belongs to another job",
    ),
    InvalidCase(
        name="a container's name that is none",
        task={"inputFiles": [{**FILE, "containerName": "In"}]},
        author=change(input_files=[file(container_name="In")]),
        field="tasks[0].inputFiles[0].containerName",
        words="must be a blob container's name",
    ),
    InvalidCase(
        name="a URL and an account",
        task={"inputFiles": [{"httpUrl": "https://a/b", "storageAccountName": "abc", "targetFilePath": "b"}]},
        author=change(
            input_files=[
                InputFileSpecification(
                    http_url="https://a/b", storage_account_name="abc", target_file_path="b"
                )
            ]
        ),
        field="tasks[0].inputFiles[0]",
        words="give either httpUrl or storageAccountName",
    ),
    InvalidCase(
        name="an identity by its name",
        task={"inputFiles": [{**FILE, "identityReference": "reader"}]},
        author=change(input_files=[file(identity_reference="reader")]),
        field="tasks[0].inputFiles[0].identityReference",
        words="must be the resource id of a managed identity .*, not its name or client id: 'reader'",
    ),
    InvalidCase(
        name="an output's identity by its name",
        task={"outputFiles": [{**OUTPUT, "identityReference": "writer"}]},
        author=change(output_files=[output(identity_reference="writer")]),
        field="tasks[0].outputFiles[0].identityReference",
        words="must be the resource id",
    ),
    InvalidCase(
        name="an identity on a pool made for the job",
        task={"inputFiles": [{**FILE, "identityReference": ID}]},
        job={"autoPool": POOL},
        author=on_auto_pool(change(input_files=[file(identity_reference=ID)])),
        field="tasks[0].inputFiles[0].identityReference",
        words=r"gives no managed identity to an autoPool: use a pool that has it \(poolId\)",
    ),
    InvalidCase(
        name="an output's identity on a pool made for the job",
        task={"outputFiles": [{**OUTPUT, "identityReference": ID}]},
        job={"autoPool": POOL},
        author=on_auto_pool(change(output_files=[output(identity_reference=ID)])),
        field="tasks[0].outputFiles[0].identityReference",
        words="no managed identity to an autoPool",
    ),
    InvalidCase(
        name="an identity of a common file on a pool made for the job",
        task={"multiInstanceSettings": {**MPI, "commonInputFiles": [{**FILE, "identityReference": ID}]}},
        job={"autoPool": {**POOL, "enableInterNodeCommunication": True}},
        author=on_auto_pool(
            change(
                multi_instance_settings=MultiInstanceSettings(
                    number_of_instances=2,
                    coordination_command_line="true",
                    common_input_files=(file(identity_reference=ID),),
                )
            ),
            enable_inter_node_communication=True,
        ),
        field="tasks[0].multiInstanceSettings.commonInputFiles[0].identityReference",
        words="no managed identity to an autoPool",
    ),
    InvalidCase(
        name="an identity of a preparation task's file on a pool made for the job",
        job={
            "autoPool": POOL,
            "jobPreparationTask": {
                "commandLine": "x",
                "inputFiles": [{**FILE, "identityReference": ID}],
            },
        },
        author=on_auto_pool(
            change_job(
                job_preparation_task=JobPreparationTask(
                    command_line="x", input_files=(file(identity_reference=ID),)
                )
            )
        ),
        field="jobPreparationTask.inputFiles[0].identityReference",
        words="no managed identity to an autoPool",
    ),
    InvalidCase(
        name="an upload condition that is none",
        task={"outputFiles": [{**OUTPUT, "uploadCondition": "never"}]},
        author=change(output_files=[output(upload_condition="never")]),
        field="tasks[0].outputFiles[0].uploadCondition",
        words="must be one of|invalid enum value",
    ),
]
