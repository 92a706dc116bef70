"""The JSON of a job's own tasks: job manager task, job preparation task and job release task."""

from typing import Any, Final

from fakebatch.bodies.property_schema import (
    ObjectSchema,
    boolean,
    duration,
    identifier,
    integer,
    legacy,
    list_of,
    optional,
    required,
    string,
)
from fakebatch.bodies.shared_properties import (
    APPLICATION_PACKAGES,
    AUTHENTICATION_TOKEN,
    CONTAINER,
    ENVIRONMENT,
    OUTPUT_FILES,
    TASK_CONSTRAINTS,
    USER_IDENTITY,
    resource_file,
)
from fakebatch.errors import invalid_property
from fakebatch.wire import durations, timestamps

_LONGEST_RELEASE: Final = 15 * 60 * timestamps.PER_SECOND


def _release_limit(value: Any, name: str) -> str:
    text = duration(value, name)
    if durations.parse(text) > _LONGEST_RELEASE:
        raise invalid_property(name, value, "The time must be at most 15 minutes.")
    return text


MANAGER: Final = ObjectSchema(
    id=required(identifier),
    displayName=string,
    commandLine=required(string),
    containerSettings=CONTAINER,
    resourceFiles=list_of(resource_file),
    outputFiles=OUTPUT_FILES,
    environmentSettings=ENVIRONMENT,
    constraints=optional(TASK_CONSTRAINTS.changes, {}),
    applicationPackageReferences=APPLICATION_PACKAGES,
    authenticationTokenSettings=legacy(AUTHENTICATION_TOKEN),
    requiredSlots=optional(integer(1), 1),
    userIdentity=optional(USER_IDENTITY, {"autoUser": {}}),
    runExclusive=optional(boolean, True),
    allowLowPriorityNode=optional(boolean, True),
    killJobOnCompletion=optional(boolean, True),
)
PREPARATION: Final = ObjectSchema(
    id=optional(identifier, "jobpreparation"),
    commandLine=required(string),
    containerSettings=CONTAINER,
    resourceFiles=list_of(resource_file),
    environmentSettings=ENVIRONMENT,
    constraints=optional(TASK_CONSTRAINTS, {}),
    userIdentity=optional(USER_IDENTITY, {"autoUser": {}}),
    waitForSuccess=optional(boolean, True),
    rerunOnNodeRebootAfterSuccess=optional(boolean, True),
)
RELEASE: Final = ObjectSchema(
    id=optional(identifier, "jobrelease"),
    commandLine=required(string),
    containerSettings=CONTAINER,
    resourceFiles=list_of(resource_file),
    environmentSettings=ENVIRONMENT,
    maxWallClockTime=optional(_release_limit, "PT15M"),
    retentionTime=optional(duration, "P7D"),
    userIdentity=optional(USER_IDENTITY, {"autoUser": {}}),
)


def with_tasks(spec: dict[str, Any]) -> dict[str, Any]:
    """Return the properties of a job, with the defaults that its job manager task takes from the job.

    Raises BatchError for a release task without a preparation task.
    """
    if "jobReleaseTask" in spec and "jobPreparationTask" not in spec:
        raise invalid_property(
            "jobReleaseTask", spec["jobReleaseTask"]["id"], "A job release task needs a job preparation task."
        )
    if "jobManagerTask" in spec:
        manager = dict(spec["jobManagerTask"])
        retries = {"maxTaskRetryCount": spec["constraints"]["maxTaskRetryCount"]}
        manager["constraints"] = TASK_CONSTRAINTS(retries | manager["constraints"])
        spec["jobManagerTask"] = manager
    return spec
