"""The rules on one task: what Azure Batch would refuse, or would never run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta

from batchmgr.errors import InvalidJobError
from batchmgr.plan.file_rules import check_input_file, check_output_file, is_resource_id
from batchmgr.plan.file_specifications import InputFileSpecification, OutputFileSpecification
from batchmgr.plan.ids import is_valid_id
from batchmgr.plan.job_plan import RESERVED_PREFIX, TaskPlan
from batchmgr.plan.job_specification import JobPreparationTask, JobReleaseTask
from batchmgr.plan.task_options import (
    ApplicationPackageReference,
    ContainerSettings,
    ExitConditions,
    ExitOptions,
    MultiInstanceSettings,
    UserIdentity,
)

_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_APPLICATION_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_APPLICATION_VERSION = re.compile(r"[A-Za-z0-9_.-]{0,64}")
_PACKAGE_RESOURCE_ID = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Batch/batchAccounts/[^/]+"
    r"/applications/[A-Za-z0-9_-]{1,64}",
    re.IGNORECASE,
)
MAX_DISPLAY_NAME = 1024
"""Source: https://learn.microsoft.com/python/api/azure-batch/azure.batch.models.batchtaskcreateoptions"""

MAX_SLOTS = 256
"""No node has more task slots. Source: https://learn.microsoft.com/azure/batch/batch-parallel-node-tasks"""

MAX_VARIABLE_BYTES = 128 * 1024 - 1
"""The longest environment variable with which Linux starts a program (MAX_ARG_STRLEN).

Source: execve(2)
"""

LONGEST_RELEASE = timedelta(minutes=15)
"""Source: https://learn.microsoft.com/rest/api/batchservice/job/add, JobReleaseTask.maxWallClockTime"""

LONGEST_TIME = timedelta(days=10_675_199)
"""The longest time that Azure Batch can express, as a .NET TimeSpan."""

INT32 = range(-(2**31), 2**31)
"""The integers of Azure Batch's API."""

ID_RULE = "must be 1 to 64 of A-Z a-z 0-9 _ -"


def task_problems(task: TaskPlan, field: str, *, is_own: bool = False) -> Iterator[InvalidJobError]:
    """Yield an error for every rule that one task breaks. `is_own` allows ids reserved for batchmgr."""
    if not is_valid_id(task.id):
        yield InvalidJobError(f"{ID_RULE}, not {task.id!r}", field=f"{field}.id")
    elif not is_own and task.id.lower().startswith(RESERVED_PREFIX):
        yield InvalidJobError(
            f"ids that begin with {RESERVED_PREFIX} are reserved for batchmgr", field=f"{field}.id"
        )
    yield from run_problems(task, field)
    for index, file in enumerate(task.output_files):
        yield from _checked(check_output_file, file, f"{field}.outputFiles[{index}]")
    if len(task.display_name) > MAX_DISPLAY_NAME:
        yield InvalidJobError(
            f"has {len(task.display_name)} characters, but may have at most {MAX_DISPLAY_NAME}",
            field=f"{field}.displayName",
        )
    yield from in_range(task.max_task_retry_count, -1, INT32[-1], f"{field}.maxTaskRetryCount")
    yield from in_range(task.required_slots, 1, MAX_SLOTS, f"{field}.requiredSlots")
    if task.exit_conditions is not None:
        yield from _exit_problems(task.exit_conditions, f"{field}.exitConditions")
    yield from package_problems(task.application_packages, f"{field}.applicationPackages")
    if task.multi_instance_settings is not None:
        yield from _multi_instance_problems(task, task.multi_instance_settings, field)


def run_problems(
    task: TaskPlan | JobPreparationTask | JobReleaseTask, field: str
) -> Iterator[InvalidJobError]:
    """Yield what is wrong with the command, environment, files, limits, container and user of any task."""
    yield from _command_problems(task.command_line, f"{field}.commandLine")
    yield from environment_problems(task.environment, f"{field}.environment")
    yield from file_problems(task.input_files, f"{field}.inputFiles")
    yield from positive(task.max_wall_clock_time, f"{field}.maxWallClockTime")
    yield from positive(task.retention_time, f"{field}.retentionTime")
    if task.container_settings is not None:
        yield from _container_problems(task.container_settings, f"{field}.containerSettings")
    if task.user_identity is not None:
        yield from _user_problems(task.user_identity, f"{field}.userIdentity")


def file_problems(files: Sequence[InputFileSpecification], field: str) -> Iterator[InvalidJobError]:
    """Yield what is wrong with input files."""
    for index, file in enumerate(files):
        yield from _checked(check_input_file, file, f"{field}[{index}]")


def environment_problems(environment: Mapping[str, str], field: str) -> Iterator[InvalidJobError]:
    """Yield what is wrong with environment variables."""
    for name, value in environment.items():
        if not _ENVIRONMENT_NAME.fullmatch(name) or "\0" in value:
            yield InvalidJobError(
                "not an environment variable: its name may have only letters, digits and _ and may not begin "
                "with a digit, and its value may have no null character",
                field=f"{field}.{name}",
            )
        elif name.upper().startswith("AZ_BATCH_"):
            yield InvalidJobError(
                "AZ_BATCH_ variables are set by Azure Batch: use another name", field=f"{field}.{name}"
            )
        elif len(f"{name}={value}".encode(errors="replace")) > MAX_VARIABLE_BYTES:
            yield InvalidJobError(
                "longer than the 128 KiB that an environment variable may have: put it in a file and name "
                "that in inputFiles",
                field=f"{field}.{name}",
            )


def package_problems(
    packages: Iterable[ApplicationPackageReference], field: str, *, of_pool: bool = False
) -> Iterator[InvalidJobError]:
    """Yield what is wrong with references to application packages. Those of a pool may be resource ids."""
    for index, package in enumerate(packages):
        is_id = _APPLICATION_ID.fullmatch(package.application_id)
        if not is_id and not (of_pool and _PACKAGE_RESOURCE_ID.fullmatch(package.application_id)):
            yield InvalidJobError(ID_RULE, field=f"{field}[{index}].applicationId")
        if not _APPLICATION_VERSION.fullmatch(package.version):
            yield InvalidJobError("must be 1 to 64 of A-Z a-z 0-9 _ - .", field=f"{field}[{index}].version")


def positive(time: timedelta | None, field: str) -> Iterator[InvalidJobError]:
    """Yield what is wrong with a time limit."""
    if time is not None and time <= timedelta(0):
        yield InvalidJobError("must be longer than zero, such as PT6H", field=field)
    if time is not None and time > LONGEST_TIME:
        yield InvalidJobError("longer than Azure Batch can express: leave it out for no limit", field=field)


def in_range(number: int, least: int, most: int, field: str) -> Iterator[InvalidJobError]:
    """Yield an error if a number is not from `least` to `most`."""
    if not least <= number <= most:
        limits = f"{least} or more" if most == INT32[-1] and number < least else f"from {least} to {most}"
        yield InvalidJobError(f"must be {limits}, not {number}", field=field)


def _command_problems(command_line: str, field: str) -> Iterator[InvalidJobError]:
    if "\0" in command_line or not command_line.strip():
        yield InvalidJobError("must be a command, not empty or with a null character", field=field)


def _exit_problems(conditions: ExitConditions, field: str) -> Iterator[InvalidJobError]:
    for place, options in _exit_options(conditions):
        own = f"{field}.{place}"
        yield from _one_of(options.job_action, ("none", "disable", "terminate"), f"{own}.jobAction")
        yield from _one_of(options.dependency_action, ("", "satisfy", "block"), f"{own}.dependencyAction")
    for index, mapping in enumerate(conditions.exit_codes):
        yield from in_range(mapping.code, INT32[0], INT32[-1], f"{field}.exitCodes[{index}].code")
    for index, span in enumerate(conditions.exit_code_ranges):
        own = f"{field}.exitCodeRanges[{index}]"
        yield from in_range(span.start, INT32[0], INT32[-1], f"{own}.start")
        yield from in_range(span.end, INT32[0], INT32[-1], f"{own}.end")
        if span.start > span.end:
            yield InvalidJobError("start must not be greater than end", field=own)


def _exit_options(conditions: ExitConditions) -> Iterator[tuple[str, ExitOptions]]:
    for index, mapping in enumerate(conditions.exit_codes):
        yield f"exitCodes[{index}].exitOptions", mapping.exit_options
    for index, span in enumerate(conditions.exit_code_ranges):
        yield f"exitCodeRanges[{index}].exitOptions", span.exit_options
    others = {
        "preProcessingError": conditions.pre_processing_error,
        "fileUploadError": conditions.file_upload_error,
        "default": conditions.default,
    }
    yield from ((name, options) for name, options in others.items() if options is not None)


def _container_problems(settings: ContainerSettings, field: str) -> Iterator[InvalidJobError]:
    if not settings.image_name.strip():
        yield InvalidJobError("must name a container image", field=f"{field}.imageName")
    places = ("", "taskWorkingDirectory", "containerImageDefault")
    yield from _one_of(settings.working_directory, places, f"{field}.workingDirectory")
    if bool(settings.registry_server) != bool(settings.registry_identity_reference):
        yield InvalidJobError(
            "give registryServer and registryIdentityReference together", field=f"{field}.registryServer"
        )
    if settings.registry_identity_reference and not is_resource_id(settings.registry_identity_reference):
        yield InvalidJobError(
            "must be the resource id of a managed identity (/subscriptions/…/userAssignedIdentities/…)",
            field=f"{field}.registryIdentityReference",
        )


def _user_problems(user: UserIdentity, field: str) -> Iterator[InvalidJobError]:
    if user.user_name and (user.scope or user.elevation_level):
        yield InvalidJobError("give either a userName, or a scope and an elevationLevel", field=field)
    yield from _one_of(user.scope, ("", "task", "pool"), f"{field}.scope")
    yield from _one_of(user.elevation_level, ("", "nonAdmin", "admin"), f"{field}.elevationLevel")


def _multi_instance_problems(
    task: TaskPlan, settings: MultiInstanceSettings, field: str
) -> Iterator[InvalidJobError]:
    own = f"{field}.multiInstanceSettings"
    yield from in_range(settings.number_of_instances, 1, INT32[-1], f"{own}.numberOfInstances")
    yield from _command_problems(settings.coordination_command_line, f"{own}.coordinationCommandLine")
    yield from file_problems(settings.common_input_files, f"{own}.commonInputFiles")
    if task.required_slots != 1:
        yield InvalidJobError(
            "must be 1, since a multi-instance task takes one slot a node", field=f"{field}.requiredSlots"
        )


def _one_of(value: str, allowed: Sequence[str], field: str) -> Iterator[InvalidJobError]:
    if value not in allowed:
        yield InvalidJobError(f"must be one of {', '.join(a for a in allowed if a)}", field=field)


def _checked(
    check: Callable[..., None], file: InputFileSpecification | OutputFileSpecification, field: str
) -> Iterator[InvalidJobError]:
    try:
        check(file, field=field)
    except InvalidJobError as problem:
        yield problem
