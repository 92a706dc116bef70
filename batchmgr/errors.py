"""Every exception that batchmgr raises on purpose, in one tree.

    BatchmgrError
    │
    │   about a job
    ├── InvalidJobError        the job cannot run as it is described; `field` names what to change
    ├── InvalidQueryError      a query parameter of the HTTP API is wrong; `name` says which
    ├── JobConflictError       this job id is taken by a job with other content
    ├── NotPossibleError       what was asked can't be done with the job as it is
    ├── JobNotFoundError       there is no job with this id
    ├── NoSuchFileError        the job has no such task, file or result
    │   └── FileGoneError      it may have had, but the file is not there any more
    ├── IllegalTransitionError the job cannot go from its state to this one
    ├── JobNotEndedError       the job can't be deleted as long as there is something to do for it
    ├── RecordChangedError     another process saved the job record first; load it again
    │   └── LogChangedError    another process was faster to add to the event log; look where it ends
    │
    │   on a node, and in workload packages
    ├── InvalidInputError      raised by workload code: a task's input cannot be used
    ├── RetryableTaskError     raised by workload code: the task may succeed when it is run again
    ├── UnknownTaskTypeError   the workload on the node has no such task; it is another version
    ├── ManifestError          a FinalizeTask cannot read how the other tasks ended
    ├── LoggingFileError       a workload's logging file cannot be read or used
    ├── BatchClientError       a workload's Azure Batch client cannot be opened
    ├── FileTooLargeError      a file that a task left is larger than what is read of it
    │
    │   from settings, commands and the local stack
    ├── SettingsError          a setting is missing or wrong; the message names it
    ├── PackageError           a workload package cannot be created, built or published; says what to change
    ├── LocalRunError          a local run cannot start with these arguments; says what to do
    ├── SimulationError        a simulation cannot start with what it was given; says what is missing or wrong
    ├── TaskPreparationError   a task of a local run cannot start: an input file cannot be put in place
    ├── StackError             a part of the local stack cannot start, or has ended by itself; says what to do
    ├── MissingExtraError      a command needs packages, or a Python version, that are not installed
    │
    │   from Azure
    ├── ServiceError           an Azure service refused a request or failed
    │   ├── ServiceRefusedError    it will refuse it again: wrong request
    │   ├── ServiceNotFoundError   the resource does not exist
    │   ├── ServiceConflictError   the resource exists already, or its state forbids the request
    │   └── ServiceBusyError       it will accept it later: throttled, over quota, unavailable
    │       ├── ServiceAccessError     it will accept it when somebody has given access: no token, no role
    │       └── NewerLayoutError       a later version of batchmgr has stored it, and can read it
    │
    │   from an app, for callers of its HTTP API
    └── AppError               the app refused a request, or can't be used
        ├── NotFoundError          there is no such job, task or file
        └── AppUnavailableError    the app can't be reached, or stays busy

The attribute `retryable` of each class says whether the same call may succeed later without a change.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar


class BatchmgrError(Exception):
    """The base class: catch it to catch every error that batchmgr raises on purpose."""

    retryable: ClassVar[bool] = False


class InvalidJobError(BatchmgrError):
    """A job message or plan that cannot be accepted. Sending it again does not help.

    `field` is a JSON path in the job message, such as `tasks[0].id`. `reason` says what is wrong with it.
    `others` are further problems that were found at the same time.

    >>> raise InvalidJobError("must be 1 to 100, not 0", field="inputs.chunks")
    Traceback (most recent call last):
    batchmgr.errors.InvalidJobError: inputs.chunks: must be 1 to 100, not 0
    """

    def __init__(self, reason: str, *, field: str = "", others: Sequence[InvalidJobError] = ()) -> None:
        told = f"{field}: {reason}" if field else reason
        super().__init__("; also ".join((told, *map(str, others))))
        self.reason = reason
        self.field = field
        self.others: tuple[InvalidJobError, ...] = tuple(others)

    @property
    def problems(self) -> tuple[InvalidJobError, ...]:
        """All that is wrong: this problem first, then the others."""
        return (self, *self.others)


NOT_A_PAGE = "must be that of a nextLink: begin again without it"
"""Why a token of a next page is wrong."""


class InvalidQueryError(BatchmgrError):
    """A query parameter that has no meaning. `name` is the parameter, and `reason` what is wrong with it."""

    def __init__(self, reason: str, *, name: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.reason = reason
        self.name = name


class JobConflictError(BatchmgrError):
    """Another job, with other content, has this job id; or the job can't take what is new in the message."""

    def __init__(self, job_id: str, reason: str = "") -> None:
        super().__init__(
            reason
            or f"A job {job_id!r} exists with other content. Send the same content, or choose another jobId."
        )
        self.job_id = job_id


class NotPossibleError(BatchmgrError):
    """What was asked can't be done with the job as it is. The message says why, and what to do instead."""

    def __init__(self, job_id: str, reason: str) -> None:
        super().__init__(f"Job {job_id!r} {reason}")
        self.job_id = job_id


class JobNotFoundError(BatchmgrError):
    """There is no job with this id."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"There is no job {job_id!r}.")
        self.job_id = job_id


class NoSuchFileError(BatchmgrError):
    """The job has no such task or result, or its task no such file. The message says which."""


class FileGoneError(NoSuchFileError):
    """The file is not there any more, if it ever was: its node has gone, and nothing was kept of it."""


class IllegalTransitionError(BatchmgrError):
    """A job cannot go from its state, `source`, to the state `target`."""

    def __init__(self, job_id: str, source: str, target: str) -> None:
        super().__init__(f"Job {job_id!r} is {source}; it cannot become {target}.")
        self.job_id = job_id
        self.source = source
        self.target = target


class JobNotEndedError(BatchmgrError):
    """A job can't be deleted yet. The message says what to do first."""

    def __init__(self, job_id: str, reason: str) -> None:
        super().__init__(f"Job {job_id!r} can't be deleted yet: {reason}")
        self.job_id = job_id


class RecordChangedError(BatchmgrError):
    """Another process saved the job record after it was loaded. Load it and decide again."""

    retryable = True


class LogChangedError(RecordChangedError):
    """A job's event log does not end where it was to be continued. Look where it ends, and decide again."""


class InvalidInputError(BatchmgrError):
    """Raised by workload code when a task's input cannot be used: an empty file, or a wrong format.

    The job's events and callback contain the message. Say what was found and what was expected.

    >>> raise InvalidInputError("genome.fa: line 1 must begin with >, not with 'This is'")
    Traceback (most recent call last):
    batchmgr.errors.InvalidInputError: genome.fa: line 1 must begin with >, not with 'This is'
    """


class RetryableTaskError(BatchmgrError):
    """Raised by workload code when the task may succeed if it is run again, as after a busy licence server.

    Azure Batch runs the task again up to `max_task_retry_count` times. The default is 0: set it in the task's
    class or in its specification.

    >>> raise RetryableTaskError("all 4 licences of the solver are taken")
    Traceback (most recent call last):
    batchmgr.errors.RetryableTaskError: all 4 licences of the solver are taken
    """

    retryable = True


class UnknownTaskTypeError(BatchmgrError):
    """The workload on the node does not have the task type that it should run."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(
            f"This version of the workload has no task type {name!r}; it has: {', '.join(known) or 'none'}. "
            "Install the same version of the workload on the nodes and in the Functions app."
        )
        self.name = name


class ManifestError(BatchmgrError):
    """The FinalizeTask cannot read its manifest: how the other tasks of the job ended."""


class LoggingFileError(BatchmgrError):
    """A workload's logging file cannot be read, or `logging.config.dictConfig` does not accept it."""


class BatchClientError(BatchmgrError):
    """A workload's Azure Batch client cannot be opened: a setting or a package is missing."""


class FileTooLargeError(BatchmgrError):
    """A file that a task left in storage has more than `limit` bytes, and was not read."""

    def __init__(self, path: str, limit: int) -> None:
        super().__init__(f"{path} has more than {limit:,} bytes")
        self.limit = limit


class SettingsError(BatchmgrError):
    """A setting is missing or wrong. The message names it and says what to set."""


class PackageError(BatchmgrError):
    """A workload package cannot be created, built or published. The message says what to change."""


class LocalRunError(BatchmgrError):
    """A local run cannot start with these arguments. The message says what to do."""


class SimulationError(BatchmgrError):
    """A simulation cannot start with what it was given. The message says what is missing or wrong."""


class TaskPreparationError(BatchmgrError):
    """A task of a local run cannot start, because one of its input files cannot be put in place.

    `code` is Azure Batch's code for the same failure, such as `BlobNotFound`.
    """

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class StackError(BatchmgrError):
    """A part of the local stack cannot start, or has ended by itself. The message says what to do."""


class MissingExtraError(BatchmgrError):
    """A command needs packages, or a Python version, that are not installed. The message says which."""


class ServiceError(BatchmgrError):
    """An Azure service answered with an error, or did not answer.

    `code` is the service's own error code, such as `PoolNotFound`. `status` is the HTTP status, or 0 if there
    was no answer. `retry_after` is how long the service asks to wait, if it says so.
    """

    def __init__(
        self, message: str, *, code: str = "", status: int = 0, retry_after: timedelta | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.retry_after = retry_after


class ServiceRefusedError(ServiceError):
    """The service refused the request and will refuse the same request again."""


class ServiceNotFoundError(ServiceError):
    """The service itself says, by its own code, that the resource does not exist."""


class ServiceConflictError(ServiceError):
    """The resource exists already, or its state forbids the request."""


class ServiceBusyError(ServiceError):
    """The service is throttled, over quota or unavailable. The same request will work later."""

    retryable = True


class ServiceAccessError(ServiceBusyError):
    """The caller has no token, or the service refused it: 401 or 403. A role may still have to spread.

    The message names the caller and what it needs.
    """


class NewerLayoutError(ServiceBusyError):
    """Something stored can't be read, because a later version of batchmgr has stored it.

    The app of that version can. Until then the job is left alone.
    """

    def __init__(self, what: str, found: int, known: int) -> None:
        super().__init__(
            f"{what} was stored by a later version of batchmgr (layout {found}; this one reads {known}): "
            "deploy that version again, it goes on with the job",
            code="NewerLayout",
        )


class AppError(BatchmgrError):
    """An app refused a request, or did not answer as batchmgr does.

    `status` is the HTTP status, or 0 if there was no answer. `code` is the app's word for it, such as
    `JobConflict`; `problems` is what else is wrong with the request, in words.
    """

    def __init__(
        self, message: str, *, status: int = 0, code: str = "", problems: Sequence[str] = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.problems: tuple[str, ...] = tuple(problems)


class NotFoundError(AppError):
    """There is no such job, task or file in the app, or it is gone."""


class AppUnavailableError(AppError):
    """An app can't be reached, or is busy, and stayed so as long as the caller had patience."""

    retryable = True
