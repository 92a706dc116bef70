"""The rules for plans match those of Azure Batch: a plan that passes them is accepted by the fake Batch."""

import json
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from azure.core.credentials import AzureNamedKeyCredential
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from batchmgr import (
    ApplicationPackageReference,
    ContainerSettings,
    ExitConditions,
    InputFileSpecification,
    JobContext,
    JobManager,
    JobManagerBuilder,
    JobSpecification,
    MultiInstanceSettings,
    OutputFileSpecification,
    UserIdentity,
    WorkloadBase,
)
from batchmgr.adapters.azure_batch import AzureBatch
from batchmgr.adapters.batch_clients import open_client
from batchmgr.adapters.workload_registry import WorkloadRegistry
from batchmgr.batch_bodies.job_body import job_body
from batchmgr.batch_bodies.task_body import environment, task_body
from batchmgr.errors import InvalidJobError, ServiceConflictError
from batchmgr.model.container_access import ContainerAccess, StorageAccess
from batchmgr.plan.finalize_task import finalize_message
from batchmgr.plan.job_plan import REPORTS_URL_VARIABLE, JobPlan
from batchmgr.steps.plan_job import plan_job
from batchmgr.telemetry_port import NoTelemetry
from batchmgr.wire.job_message import JobMessage, decode_job
from batchmgr.workload.draft_from_workload import draft_from_workload
from fakebatch.model.application_packages import ApplicationPackage
from fakebatch.server import Options, serving
from fakebatch.wire.shared_key import ACCOUNT_KEY, ACCOUNT_NAME
from tests.number_of_examples import examples
from tests.plans import complete

ID = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i"
JOB_ID = "Job-1"


def some(**fields: Any) -> Any:
    """Return a strategy for objects with any of these fields."""
    return st.fixed_dictionaries({}, optional=fields)


TIME = st.sampled_from(["PT1S", "PT0.5S", "P7D", "P1DT2H3M4.5S", "P10675199D", "PT0S", "P10675200D"])
NUMBER = st.sampled_from([-1, 0, 1, 2, 256, 257, 2**31 - 1, 2**31])
CODE = st.sampled_from([-(2**31), -1, 0, 1, 137, 2**31 - 1, 2**31])
TEXT = st.sampled_from(["x", "é✓ 𝄞", "x" * 1024, "x" * 1025, "a\nb"])
PATH = st.sampled_from(["a.txt", "a/b c.txt", "é/ü", "../x", "/x", "a//b", "..a/b"])
PREFIX = st.sampled_from(["parts/", "a b/", "x"])
MODE = st.sampled_from(["", "0770", "644", "07777", "999", "rw"])
ENVIRONMENT = st.dictionaries(st.sampled_from(["A", "a_1", "_", "1A", "AZ_BATCH_X"]), TEXT, max_size=3)
IDENTITY = st.sampled_from(["", ID])
BLOB = st.fixed_dictionaries(
    {
        "containerName": st.sampled_from(["inputs", "In", "a1-b"]),
        "sourceBlobPath": PATH | PREFIX,
        "targetFilePath": PATH,
    },
    optional={"fileMode": MODE, "identityReference": IDENTITY},
)
URL = st.fixed_dictionaries(
    {"httpUrl": st.sampled_from(["https://a/b", "ftp://a/b"]), "targetFilePath": PATH},
    optional={"fileMode": MODE, "identityReference": IDENTITY},
)
FILES = st.lists(BLOB | URL, max_size=2)
OUTPUT = st.fixed_dictionaries(
    {
        "sourceFilePath": PATH | st.sampled_from(["*.txt", "../std*.txt", "**/[a-c]?.txt"]),
        "targetBlobPath": PATH,
        "containerName": st.just("outputs"),
    },
    optional={
        "identityReference": IDENTITY,
        "taskId": st.just("1"),
        "uploadCondition": st.sampled_from(["taskSuccess", "taskFailure", "taskCompletion"]),
    },
)
EXIT = some(
    jobAction=st.sampled_from(["none", "disable", "terminate"]),
    dependencyAction=st.sampled_from(["satisfy", "block"]),
)
EXITS = some(
    exitCodes=st.lists(st.fixed_dictionaries({"code": CODE, "exitOptions": EXIT}), max_size=2),
    exitCodeRanges=st.lists(
        st.fixed_dictionaries({"start": CODE, "end": CODE, "exitOptions": EXIT}), max_size=2
    ),
    preProcessingError=EXIT,
    fileUploadError=EXIT,
    default=EXIT,
)
CONTAINER = st.just({"imageName": "i:1", "containerRunOptions": "--rm"}) | st.just(
    {
        "imageName": "r.io/i",
        "registryServer": "r.io",
        "registryIdentityReference": ID,
        "workingDirectory": "containerImageDefault",
    }
)
USER = st.sampled_from(
    [{"userName": "ann"}, {"scope": "task", "elevationLevel": "nonAdmin"}, {"scope": "pool"}]
)
PACKAGE = st.fixed_dictionaries(
    {"applicationId": st.sampled_from(["a", "a b", "A-1_x"])},
    optional={"version": st.sampled_from(["1.0-b", ""])},
)
SEVERAL = st.fixed_dictionaries(
    {"numberOfInstances": NUMBER, "coordinationCommandLine": st.sampled_from(["x", " "])},
    optional={"commonInputFiles": FILES},
)
OPTIONS: dict[str, Any] = {
    "displayName": TEXT,
    "environment": ENVIRONMENT,
    "inputFiles": FILES,
    "outputFiles": st.lists(OUTPUT, max_size=2),
    "maxTaskRetryCount": NUMBER,
    "maxWallClockTime": TIME,
    "retentionTime": TIME,
    "requiredSlots": NUMBER,
    "exitConditions": EXITS,
    "containerSettings": CONTAINER,
    "userIdentity": USER,
    "applicationPackages": st.lists(PACKAGE, max_size=2),
    "multiInstanceSettings": SEVERAL,
}


@st.composite
def options(draw: st.DrawFn) -> dict[str, Any]:
    """Draw at most two options of a task, so that many tasks are valid."""
    names = draw(st.sets(st.sampled_from(sorted(OPTIONS)), max_size=2))
    return {name: draw(OPTIONS[name]) for name in sorted(names)}


NODE_TASK = st.fixed_dictionaries(
    {"commandLine": st.just("x")},
    optional={
        "inputFiles": FILES,
        "maxWallClockTime": TIME,
        "environment": ENVIRONMENT,
        "userIdentity": USER,
    },
)
POOL = st.fixed_dictionaries(
    {
        "vmSize": st.just("small"),
        "image": st.sampled_from(
            [{"virtualMachineImageId": "/i"}, {"publisher": "p", "offer": "o", "sku": "s"}]
        ),
        "nodeAgentSkuId": st.just("batch.node.el 8"),
    },
    optional={
        "targetDedicatedNodes": st.sampled_from([0, 1, 2]),
        "autoscaleFormula": st.just("$TargetDedicatedNodes = 0;"),
        "autoscaleEvaluationInterval": st.sampled_from(["PT5M", "P7D", "P8D", "PT4M"]),
        "taskSlotsPerNode": NUMBER,
        "enableInterNodeCommunication": st.booleans(),
        "startTaskCommandLine": st.just("x"),
        "containerImageNames": st.just(["i:1"]),
        "subnetId": st.just("/subnets/default"),
        "keepAlive": st.booleans(),
    },
)
JOB = some(
    priority=st.sampled_from([-1001, -1000, 0, 1000]),
    maxParallelTasks=NUMBER,
    maxWallClockTime=TIME,
    environment=ENVIRONMENT,
    jobPreparationTask=NODE_TASK,
    jobReleaseTask=NODE_TASK,
)


def planned(message: JobMessage) -> JobPlan | None:
    """Return the plan of a message, or None if it breaks a rule."""
    default = "" if message.auto_pool else "nowhere"
    try:
        return plan_job(JOB_ID, message, workloads=WorkloadRegistry({}), default_pool_id=default)
    except InvalidJobError:
        return None


def access_to(plan: JobPlan) -> StorageAccess:
    """Return access to each container of the plan."""
    return {
        need: ContainerAccess(
            url=f"https://a/{need.container_name}", identity_reference=need.identity_reference
        )
        if need.identity_reference
        else ContainerAccess(url=f"https://a/{need.container_name}", query="sig=1")
        for need in plan.container_needs
    }


def bodies(plan: JobPlan) -> list[dict[str, object]]:
    """Return the bodies that Azure Batch is sent."""
    access = access_to(plan)
    tasks = (task_body(task, access, has_job_actions=plan.has_job_actions) for task in plan.all_tasks)
    return [job_body(plan, access, "d"), *tasks]


class JobEndedError(Exception):
    """A task has ended the job."""


async def submit(plan: JobPlan) -> None:
    """Submit a plan to the fake Batch, which rejects unknown properties. Raise ServiceError if it refuses."""
    key = AzureNamedKeyCredential(ACCOUNT_NAME, ACCOUNT_KEY)
    with TemporaryDirectory() as root:
        archive = Path(root, "a.zip")
        known = tuple(
            ApplicationPackage(application_id=name, version="1.0-b", archive=archive, is_default=True)
            for name in ("a", "A-1_x")
        )
        served = Options(root=Path(root), applications=known)
        async with serving(served) as endpoint, open_client(endpoint, key, NoTelemetry()) as client:
            batch, access = AzureBatch(client), access_to(plan)
            await batch.create_job(plan, access, "d")
            try:
                for tasks in (plan.tasks, plan.gathering_tasks, [plan.finalize_task]):
                    await batch.add_tasks(plan, tasks, access)
            except ServiceConflictError as error:
                if plan.has_job_actions and error.code == "JobCompleted":
                    raise JobEndedError from error
                raise


@given(task=options(), other=options(), job=JOB | st.just({}), pool=st.none() | POOL)
@settings(examples(250), suppress_health_check=[HealthCheck.too_slow])
async def test_a_plan_that_passes_the_rules_is_accepted(
    task: dict[str, Any], other: dict[str, Any], job: dict[str, Any], pool: dict[str, Any] | None
) -> None:
    tasks = [
        {"id": "1", "commandLine": "x", **task},
        {"id": "B", "commandLine": "x", "dependsOn": ["1"], **other},
    ]
    body = {**job, "tasks": tasks, **({"autoPool": pool} if pool else {})}
    try:
        message = decode_job(json.dumps(body).encode())
    except InvalidJobError:
        return
    plan = planned(message)
    event(f"passes: {plan is not None}")
    if plan is None:
        return
    # Tasks of an auto pool run at once: one with a job action may have ended the job already.
    with suppress(JobEndedError):
        await submit(plan)


TYPES: dict[str, Any] = {
    "input_files": list[InputFileSpecification],
    "output_files": list[OutputFileSpecification],
    "exit_conditions": ExitConditions | None,
    "container_settings": ContainerSettings | None,
    "user_identity": UserIdentity | None,
    "application_packages": list[ApplicationPackageReference],
    "multi_instance_settings": MultiInstanceSettings | None,
}


def by_an_author(message: JobMessage) -> JobPlan:
    """Return the plan of a workload that asks for the same as this message."""

    class Manager(JobManager):
        def create_job(self) -> None:
            for wanted in message.tasks:
                task = self.add_command_task(wanted.command_line)
                for name in wanted.__struct_fields__:
                    if name in TYPES:
                        converted = msgspec.convert(getattr(wanted, name), TYPES[name], from_attributes=True)
                        setattr(task, name, converted)
                    elif name not in {"id", "depends_on", "command_line"}:
                        setattr(task, name, getattr(wanted, name))
            self.job = msgspec.convert(message, JobSpecification, from_attributes=True)
            self.job.pool_id = "nowhere"

    class Builder(JobManagerBuilder):
        job_manager_type = Manager

    draft = draft_from_workload(WorkloadBase(job_manager_builder_type=Builder), JobContext(job_id=JOB_ID))
    return complete(JOB_ID, draft, finalize_message(JOB_ID, written_by="FinalizeTask"))


@given(task=options(), job=JOB)
@examples(150)
def test_a_workload_and_a_message_for_the_same_job_send_the_same_requests(
    task: dict[str, Any], job: dict[str, Any]
) -> None:
    body = {**job, "tasks": [{"id": "1", "commandLine": "x", **task}]}
    try:
        message = decode_job(json.dumps(body).encode())
    except InvalidJobError:
        return
    plan = planned(message)
    if plan is None:
        return
    sent, authored = bodies(plan), bodies(by_an_author(message))
    # Tasks of a workload can report, so they get the URL; and the FinalizeTask is another program.
    reporting = {"name": REPORTS_URL_VARIABLE, "value": "https://a/job-job-1/batchmgr-reports?sig=1"}
    sent[0]["commonEnvironmentSettings"] = [*environment(message.environment), reporting]
    assert authored[:2] == sent[:2]
