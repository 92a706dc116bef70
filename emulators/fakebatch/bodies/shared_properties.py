"""The properties that several resources share: metadata, environment, files, constraints and others."""

import stat
from typing import Any, Final

from fakebatch.bodies.property_schema import (
    Kind,
    ObjectSchema,
    boolean,
    choice,
    duration,
    integer,
    list_of,
    optional,
    required,
    string,
)
from fakebatch.errors import BatchError, invalid_property
from fakebatch.wire import durations

UNLIMITED: Final = durations.render(durations.INFINITE)

METADATA: Final = list_of(ObjectSchema(name=required(string), value=required(string)))
ENVIRONMENT: Final = list_of(ObjectSchema(name=required(string), value=string))
IDENTITY: Final = ObjectSchema(resourceId=string)
USER_IDENTITY: Final = ObjectSchema(
    username=string,
    autoUser=ObjectSchema(
        scope=optional(choice("task", "pool"), "pool"),
        elevationLevel=optional(choice("nonadmin", "admin"), "nonadmin"),
    ),
)

_RESOURCE_FILE = ObjectSchema(
    autoStorageContainerName=string,
    storageContainerUrl=string,
    httpUrl=string,
    blobPrefix=string,
    filePath=string,
    fileMode=string,
    identityReference=IDENTITY,
)
_SOURCES: Final = frozenset(("autoStorageContainerName", "storageContainerUrl", "httpUrl"))
OUTPUT_FILES: Final = list_of(
    ObjectSchema(
        filePattern=required(string),
        destination=required(
            ObjectSchema(
                container=required(
                    ObjectSchema(
                        path=string,
                        containerUrl=required(string),
                        identityReference=IDENTITY,
                        uploadHeaders=list_of(ObjectSchema(name=required(string), value=string)),
                    )
                )
            )
        ),
        uploadOptions=required(
            ObjectSchema(uploadCondition=required(choice("TaskSuccess", "TaskFailure", "TaskCompletion")))
        ),
    )
)

_EXIT_OPTIONS = ObjectSchema(
    jobAction=choice("none", "disable", "terminate"), dependencyAction=choice("satisfy", "block")
)
EXIT_CONDITIONS: Final = ObjectSchema(
    exitCodes=list_of(ObjectSchema(code=required(integer(-(2**31))), exitOptions=required(_EXIT_OPTIONS))),
    exitCodeRanges=list_of(
        ObjectSchema(
            start=required(integer(-(2**31))),
            end=required(integer(-(2**31))),
            exitOptions=required(_EXIT_OPTIONS),
        )
    ),
    preProcessingError=_EXIT_OPTIONS,
    fileUploadError=_EXIT_OPTIONS,
    default=_EXIT_OPTIONS,
)
DEPENDS_ON: Final = ObjectSchema(
    taskIds=list_of(string),
    taskIdRanges=list_of(ObjectSchema(start=required(integer(0)), end=required(integer(0)))),
)
TASK_CONSTRAINTS: Final = ObjectSchema(
    maxWallClockTime=optional(duration, UNLIMITED),
    retentionTime=optional(duration, "P7D"),
    maxTaskRetryCount=optional(integer(-1), 0),
)
TASK_SCHEDULING_POLICY: Final = ObjectSchema(
    jobDefaultOrder=choice("none", "creationtime"),
    nodeFillType=optional(choice("Spread", "Pack"), "Spread"),
)
FLAG: Final = optional(boolean, False)
APPLICATION_PACKAGES: Final = list_of(ObjectSchema(applicationId=required(string), version=string))


AUTHENTICATION_TOKEN: Final = ObjectSchema(access=list_of(choice("job")))


def without_secrets(kind: Kind, *secrets: str) -> Kind:
    """Return a kind of object that drops some properties. They are never shown, so they are not stored."""

    def without(value: Any, name: str) -> dict[str, Any]:
        return {key: kept for key, kept in kind(value, name).items() if key not in secrets}

    return without


REGISTRY: Final = without_secrets(
    ObjectSchema(username=string, password=string, registryServer=string, identityReference=IDENTITY),
    "password",
)
CONTAINER: Final = ObjectSchema(
    containerRunOptions=string,
    imageName=required(string),
    registry=REGISTRY,
    workingDirectory=optional(
        choice("taskWorkingDirectory", "containerImageDefault"), "taskWorkingDirectory"
    ),
    containerHostBatchBindMounts=list_of(
        ObjectSchema(
            source=choice("Shared", "Startup", "VfsMounts", "Task", "JobPrep", "Applications"),
            isReadOnly=boolean,
        )
    ),
)


def resource_file(value: Any, name: str) -> dict[str, Any]:
    """Accept a resource file.

    It has exactly one source, and its path stays in the task's working directory.
    """
    stored = _RESOURCE_FILE(value, name)
    sources = _SOURCES & stored.keys()
    if len(sources) != 1:
        raise invalid_property(
            name, sorted(sources), f"Exactly one of {', '.join(sorted(_SOURCES))} must be given."
        )
    path = stored.get("filePath")
    if "httpUrl" in stored:
        if not path:
            raise BatchError("MissingRequiredProperty", PropertyName="filePath")
        if "blobPrefix" in stored:
            raise invalid_property("blobPrefix", stored["blobPrefix"], "It is valid only with a container.")
    if path is not None and (path.startswith("/") or (".." in path and ".." in path.split("/"))):
        raise invalid_property("filePath", path, "The path must stay in the working directory of the task.")
    if "fileMode" in stored:
        _check_mode(stored["fileMode"])
    return stored


def _check_mode(mode: str) -> None:
    try:
        allowed = stat.S_IMODE(int(mode, 8)) == int(mode, 8)
    except ValueError:
        allowed = False
    if not allowed:
        raise invalid_property("fileMode", mode, "The mode must be an octal number.")


START_TASK: Final = ObjectSchema(
    commandLine=required(string),
    containerSettings=CONTAINER,
    resourceFiles=list_of(resource_file),
    environmentSettings=ENVIRONMENT,
    userIdentity=optional(USER_IDENTITY, {"autoUser": {}}),
    maxTaskRetryCount=optional(integer(-1), 0),
    waitForSuccess=optional(boolean, True),
)
