"""Every error of batchmgr, in one tree.

    BatchmgrError
    ├── InvalidJobError        a job that cannot be what it says; names the field; repeating it does not help
    ├── InvalidInputError      a task's input is not usable; raised by workload code on the node
    ├── RetryableTaskError     a task may succeed when it is run again; raised by workload code on the node
    ├── UnknownTaskTypeError   the node's version of a workload has no such task: planned by another version
    ├── JobConflictError       this job id stands for other content
    ├── JobNotFoundError       no such job
    ├── IllegalTransitionError a job state that cannot follow another
    ├── RecordChangedError     somebody else saved the record first; load it again
    ├── SettingsError          a setting is missing or wrong; names it
    ├── PackageError           a workload package cannot be created, built or published; says what to change
    ├── LocalRunError          a local run cannot start with these arguments; says what to do
    ├── TaskPreparationError   a task of a local run cannot start: an input file cannot be put in place
    ├── StackError             a part of the local stack cannot start, or has ended by itself; says what to do
    ├── MissingExtraError      a command needs packages, or a Python version, that are not installed
    └── ServiceError           an Azure service refused or failed; code and status as it said
        ├── ServiceRefusedError    it will refuse again: wrong request, missing pool, no access
        ├── ServiceNotFoundError   the resource is not there
        ├── ServiceConflictError   the resource is there already, or in a state that forbids this
        └── ServiceBusyError       it will work later: throttled, over quota, unavailable, connection lost

ManifestError (workload/manifest.py) is a BatchmgrError that has its place nearby.

`retryable` is a property of the type: it says whether the same call may succeed later, unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar


class BatchmgrError(Exception):
    """The root of the tree: catch it to catch whatever batchmgr raises on purpose."""

    retryable: ClassVar[bool] = False


class InvalidJobError(BatchmgrError):
    """A job message or plan that cannot be accepted. `field` is a JSON path such as `tasks[0].id`.

    >>> raise InvalidJobError("must be 1 to 100, not 0", field="inputs.chunks")
    Traceback (most recent call last):
    batchmgr.errors.InvalidJobError: inputs.chunks: must be 1 to 100, not 0
    """

    def __init__(self, reason: str, *, field: str = "") -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.reason = reason
        self.field = field


class InvalidInputError(BatchmgrError):
    """Workload code raises this when what it was given is unusable: an empty file, a wrong format.

    The message reaches the job's events and the callback, so say what was found and what was expected.

    >>> raise InvalidInputError("genome.fa: line 1 must begin with >, not with 'This is'")
    Traceback (most recent call last):
    batchmgr.errors.InvalidInputError: genome.fa: line 1 must begin with >, not with 'This is'
    """


class RetryableTaskError(BatchmgrError):
    """Workload code raises this when the task may succeed if it is run again: a busy licence server, say.

    Azure Batch runs the task again as often as its `max_task_retry_count` allows: not at all, unless the
    task's class or its specification says how often.

    >>> raise RetryableTaskError("all 4 licences of the solver are taken")
    Traceback (most recent call last):
    batchmgr.errors.RetryableTaskError: all 4 licences of the solver are taken
    """

    retryable = True


class UnknownTaskTypeError(BatchmgrError):
    """A node was told to run a task that its version of the workload does not have."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(
            f"This version of the workload has no task type {name!r}; it has: {', '.join(known) or 'none'}. "
            "Have the same version on the nodes as in the function."
        )
        self.name = name


class JobConflictError(BatchmgrError):
    """The job id is taken by a job with other content."""

    def __init__(self, job_id: str) -> None:
        super().__init__(
            f"A job {job_id!r} exists with other content: send the same content, or choose another jobId."
        )
        self.job_id = job_id


class JobNotFoundError(BatchmgrError):
    """No job of this id is known."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"There is no job {job_id!r}.")
        self.job_id = job_id


class IllegalTransitionError(BatchmgrError):
    """A job cannot go from one state to the other."""

    def __init__(self, job_id: str, source: str, target: str) -> None:
        super().__init__(f"Job {job_id!r} is {source}; it cannot become {target}.")
        self.job_id = job_id
        self.source = source
        self.target = target


class RecordChangedError(BatchmgrError):
    """A record was changed by somebody else since it was loaded: load it and decide again."""

    retryable = True


class SettingsError(BatchmgrError):
    """A setting is missing or wrong. The message names it and says what to set."""


class PackageError(BatchmgrError):
    """A workload package cannot be created, built or published. The message says what to change."""


class LocalRunError(BatchmgrError):
    """A local run cannot start with these arguments. The message says what to do."""


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
    """An Azure service answered with an error, or not at all.

    `code` is the service's own error code (`PoolNotFound`), `status` the HTTP status, 0 without an answer.
    """

    def __init__(
        self, message: str, *, code: str = "", status: int = 0, retry_after: timedelta | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.retry_after = retry_after


class ServiceRefusedError(ServiceError):
    """The service refused the request and will refuse it again."""


class ServiceNotFoundError(ServiceError):
    """The resource is not there."""


class ServiceConflictError(ServiceError):
    """The resource exists already, or is in a state that forbids the request."""


class ServiceBusyError(ServiceError):
    """Throttling, a quota, an outage or a lost connection: the same request will work later."""

    retryable = True
