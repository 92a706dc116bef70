"""The body of the request that adds an Azure Batch task, built from the plan (api-version 2025-06-01)."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta

import msgspec

from batchmgr.batch_bodies.file_bodies import Json, identity, output_file, resource_file
from batchmgr.batch_bodies.kept_streams import KeptStreams
from batchmgr.model.container_access import StorageAccess
from batchmgr.plan.ids import INTEGER_ID
from batchmgr.plan.job_plan import MANIFEST_BLOB, MANIFEST_URL_VARIABLE, TaskPlan
from batchmgr.plan.job_specification import JobPreparationTask, JobReleaseTask
from batchmgr.plan.task_options import (
    ApplicationPackageReference,
    ContainerSettings,
    ExitConditions,
    ExitOptions,
    MultiInstanceSettings,
    UserIdentity,
)

_SATISFY: Json = {
    name: {"dependencyAction": "satisfy"} for name in ("default", "preProcessingError", "fileUploadError")
}
"""Exit conditions of a task without dependents (a leaf) that has no others."""

_TASK_USER: Json = {"autoUser": {"scope": "task", "elevationLevel": "nonadmin"}}
"""The user of a task that asks for none: what `_user` makes of that, once for all tasks."""


def task_body(
    task: TaskPlan,
    access: StorageAccess,
    *,
    has_job_actions: bool = False,
    kept: KeptStreams | None = None,
) -> Json:
    """Return the body that adds one task. `has_job_actions`: a task of the job may end or disable the job.

    `kept`: its stdout and stderr are kept.
    """
    body: Json = {"id": task.id, **run_body(task, access)}
    body["constraints"] = {"maxTaskRetryCount": task.max_task_retry_count, **limits(task)}
    if task.manifest_need is not None:
        url = access[task.manifest_need].blob_url(MANIFEST_BLOB)
        body["environmentSettings"] = environment({**task.environment, MANIFEST_URL_VARIABLE: url})
    if task.display_name:
        body["displayName"] = task.display_name
    if outputs := output_files(task, access, kept):
        body["outputFiles"] = outputs
    if task.depends_on:
        body["dependsOn"] = dependencies(task.depends_on)
    if task.required_slots != 1:
        body["requiredSlots"] = task.required_slots
    if task.application_packages:
        body["applicationPackageReferences"] = packages(task.application_packages)
    if task.multi_instance_settings is not None:
        body["multiInstanceSettings"] = _multi_instance(task.multi_instance_settings, access)
    conditions = _exit_conditions(task, has_job_actions)
    if conditions:
        body["exitConditions"] = conditions
    return body


def run_body(task: TaskPlan | JobPreparationTask | JobReleaseTask, access: StorageAccess) -> Json:
    """Return what all kinds of tasks have: the command, its environment, files, container and user."""
    body: Json = {"commandLine": task.command_line}
    if task.environment:
        body["environmentSettings"] = environment(task.environment)
    if task.input_files:
        body["resourceFiles"] = [resource_file(file, access) for file in task.input_files]
    if task.container_settings is not None:
        body["containerSettings"] = _container(task.container_settings)
    if isinstance(task, TaskPlan):
        given = task.user_identity
        body["userIdentity"] = _user(given, scope="task", level="nonadmin") if given else _TASK_USER
    elif task.user_identity is not None:
        body["userIdentity"] = _user(task.user_identity)
    return body


def output_files(task: TaskPlan, access: StorageAccess, kept: KeptStreams | None) -> list[object]:
    """Return the `outputFiles` property."""
    files: list[object] = [output_file(file, access) for file in task.output_files]
    return files if kept is None else [*files, kept.output_file(task.id)]


def limits(task: TaskPlan | JobPreparationTask | JobReleaseTask) -> Json:
    """Return how long a task may run, and how long its directory is kept on the node."""
    body: Json = {}
    if task.max_wall_clock_time is not None:
        body["maxWallClockTime"] = duration(task.max_wall_clock_time)
    if task.retention_time is not None:
        body["retentionTime"] = duration(task.retention_time)
    return body


def environment(variables: Mapping[str, str]) -> list[Json]:
    """Return the `environmentSettings` property."""
    return [{"name": name, "value": value} for name, value in variables.items()]


def packages(references: Iterable[ApplicationPackageReference]) -> list[Json]:
    """Return the `applicationPackageReferences` property."""
    return [
        {"applicationId": one.application_id, **({"version": one.version} if one.version else {})}
        for one in references
    ]


def dependencies(parents: Iterable[str]) -> Json:
    """Return the `dependsOn` property: consecutive integer ids as ranges, the others by id."""
    integers: list[str] = []
    named: list[str] = []
    for task in dict.fromkeys(parents):
        (integers if INTEGER_ID.fullmatch(task) else named).append(task)
    body: Json = {}
    if named:
        body["taskIds"] = named
    if integers:
        numbers = sorted(map(int, integers))
        body["taskIdRanges"] = [{"start": start, "end": end} for start, end in _runs(numbers)]
    return body


def duration(value: timedelta) -> str:
    """Return an ISO 8601 duration: `P1DT2H`, `PT0.5S`."""
    return str(msgspec.to_builtins(value))


def _runs(numbers: list[int]) -> Iterator[tuple[int, int]]:
    start = end = numbers[0]
    for number in numbers[1:]:
        if number != end + 1:
            yield start, end
            start = number
        end = number
    yield start, end


def _exit_conditions(task: TaskPlan, has_job_actions: bool) -> Json:
    """Return what Azure Batch does after each way in which the task can end.

    Only the FinalizeTask depends on leaves, and it runs even if they fail. If any task of the job has a job
    action, Azure Batch ends the job after every failure for which no action is given: so each gets one.
    """
    if task.exit_conditions is None and not has_job_actions:
        return _SATISFY if task.is_leaf else {}
    given = task.exit_conditions or ExitConditions()
    body: Json = {}
    if given.exit_codes:
        body["exitCodes"] = [
            {"code": one.code, "exitOptions": _options(one.exit_options, task, has_job_actions)}
            for one in given.exit_codes
        ]
    if given.exit_code_ranges:
        body["exitCodeRanges"] = [
            {
                "start": one.start,
                "end": one.end,
                "exitOptions": _options(one.exit_options, task, has_job_actions),
            }
            for one in given.exit_code_ranges
        ]
    fallback = given.default
    for name, options in (
        ("default", fallback),
        ("preProcessingError", given.pre_processing_error or fallback),
        ("fileUploadError", given.file_upload_error or fallback),
    ):
        if options is not None or task.is_leaf or has_job_actions:
            body[name] = _options(options or ExitOptions(), task, has_job_actions)
    return body


def _options(options: ExitOptions, task: TaskPlan, has_job_actions: bool) -> Json:
    body: Json = {"jobAction": options.job_action} if has_job_actions else {}
    action = "satisfy" if task.is_leaf else options.dependency_action
    return {**body, "dependencyAction": action} if action else body


def _container(settings: ContainerSettings) -> Json:
    body: Json = {"imageName": settings.image_name}
    if settings.container_run_options:
        body["containerRunOptions"] = settings.container_run_options
    if settings.working_directory:
        body["workingDirectory"] = settings.working_directory
    if settings.registry_server:
        registry = {"registryServer": settings.registry_server}
        body["registry"] = {**registry, **identity(settings.registry_identity_reference)}
    return body


def _user(user: UserIdentity, *, scope: str = "", level: str = "") -> Json:
    """Return the `userIdentity` property, with defaults for what it leaves open.

    Azure Batch takes the pool's user for an automatic one without a scope: then tasks of different jobs share
    their files and processes. A task that prepares a node does it for others: it keeps their default.
    Source: https://learn.microsoft.com/javascript/api/@azure-rest/batch/autouserspecification
    """
    if user.user_name:
        return {"username": user.user_name}
    auto_user = {"scope": user.scope or scope, "elevationLevel": user.elevation_level.lower() or level}
    return {"autoUser": {name: value for name, value in auto_user.items() if value}}


def _multi_instance(settings: MultiInstanceSettings, access: StorageAccess) -> Json:
    body: Json = {
        "numberOfInstances": settings.number_of_instances,
        "coordinationCommandLine": settings.coordination_command_line,
    }
    if settings.common_input_files:
        body["commonResourceFiles"] = [resource_file(file, access) for file in settings.common_input_files]
    return body
