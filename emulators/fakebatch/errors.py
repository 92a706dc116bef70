"""Every exception of the fake Batch, in one tree.

    FakeBatchError
    ├── BatchError                       the service refuses a request; has a code and an HTTP status
    ├── FormulaError                     an autoscale formula is wrong; the message names line and column
    │   ├── FormulaSyntaxError           the text is not a formula; found before the formula is evaluated
    │   └── EvaluationError              the formula has no value
    │       └── InsufficientSampleDataError  it asks for more samples than there are
    ├── TooFewSamplesError               a method of a metric found too few samples; names no place
    ├── FormulaStopped                   the formula called `stop()`; ends the evaluation, is not a failure
    ├── LaunchError                      the command line of a task cannot be started
    ├── ResourceFileError                a resource file of a task cannot be downloaded
    ├── StorageError                     blob storage refused a request or did not answer
    ├── StateInUseError                  another process uses the state directory
    ├── JournalError                     the journal in the state directory cannot be read
    ├── CertificateError                 no TLS certificate could be made
    ├── ConnectionCutError               a fault rule closes the connection without a response
    └── FaultRefusedError                the control address refused a request of a test

LaunchError and ResourceFileError have the FailureInfo that the task reports.
"""

from typing import ClassVar

from fakebatch.error_codes import ERROR_CODES
from fakebatch.failure_info import FailureInfo


class FakeBatchError(Exception):
    """The root of the tree."""


class BatchError(FakeBatchError):
    """The service refuses a request.

    `code` is a key of ERROR_CODES and decides the HTTP `status` and the `message`. `values` are the pairs
    shown beside the message. `retry_after` is how many seconds a client should wait before it tries again.
    """

    def __init__(self, code: str, **values: object) -> None:
        self.code = code
        self.status, self.message = ERROR_CODES[code]
        self.retry_after: int | None = None
        self.values = {key: str(value) for key, value in values.items()}
        super().__init__(f"{code}: {self.values}" if values else code)


def invalid_property(name: str, value: object, reason: str) -> BatchError:
    """Return the error for a property whose value is not allowed."""
    return BatchError("InvalidPropertyValue", PropertyName=name, PropertyValue=value, Reason=reason)


def invalid_query(name: str, value: object, reason: str) -> BatchError:
    """Return the error for a query parameter that the service cannot read."""
    return BatchError(
        "InvalidQueryParameterValue", QueryParameterName=name, QueryParameterValue=value, Reason=reason
    )


class FormulaError(FakeBatchError):
    """An autoscale formula is wrong. `line` and `column` count from 1."""

    def __init__(self, reason: str, line: int, column: int) -> None:
        super().__init__(f"Line {line}, Col {column}: {reason}")


class FormulaSyntaxError(FormulaError):
    """The text is not an autoscale formula."""


class EvaluationError(FormulaError):
    """The formula cannot be evaluated. The `autoScaleRun` of the pool shows `code` and `message`."""

    code: ClassVar[str] = "AutoScalingFormulaEvaluationError"
    message: ClassVar[str] = "The formula could not be evaluated"


class InsufficientSampleDataError(EvaluationError):
    """The formula asks for more samples than there are."""

    code = "InsufficientSampleData"
    message = "Autoscale evaluation failed due to insufficient sample data"


class TooFewSamplesError(FakeBatchError, ValueError):
    """There are fewer samples than a method of a metric asks for.

    The evaluation adds the place in the formula and raises InsufficientSampleDataError.
    """


class FormulaStopped(FakeBatchError):  # noqa: N818 - it is not a failure
    """The formula called `stop()`. The evaluation ends with the values assigned so far."""


class LaunchError(FakeBatchError):
    """A command line cannot be started. `failure` is what the task reports."""

    def __init__(self, failure: FailureInfo) -> None:
        super().__init__(failure.message)
        self.failure = failure


class ResourceFileError(FakeBatchError):
    """A resource file cannot be downloaded. `failure` is what the task reports."""

    def __init__(self, failure: FailureInfo) -> None:
        super().__init__(failure.message)
        self.failure = failure


class StorageError(FakeBatchError):
    """Blob storage refused a request. `status` is None if there was no response."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status

    @property
    def is_denied(self) -> bool:
        """Whether the URL does not authorize the request. A container without public access answers 409."""
        return self.status in (401, 403, 409)

    @property
    def is_transient(self) -> bool:
        """Whether another attempt may succeed."""
        return self.status is None or self.status >= 500


class StateInUseError(FakeBatchError):
    """Another process keeps its state in the directory."""


class JournalError(FakeBatchError):
    """A journal cannot be read. The message names the line."""


class CertificateError(FakeBatchError, OSError):
    """No certificate could be made."""


class ConnectionCutError(FakeBatchError):
    """The connection is to be closed without a response."""


class FaultRefusedError(FakeBatchError):
    """The control address refused a request. The message says why."""
