"""The errors of the service: its codes, their HTTP statuses and their messages."""

from typing import Final

ERRORS: Final[dict[str, tuple[int, str]]] = {
    "ActiveJobAndScheduleQuotaReached": (
        409,
        "The maximum number of active jobs and job schedules for this account has been reached.",
    ),
    "AuthenticationFailed": (
        403,
        "Server failed to authenticate the request. "
        "Make sure the value of Authorization header is formed correctly including the signature.",
    ),
    "ConditionNotMet": (412, "The condition specified using HTTP conditional header(s) is not met."),
    "FileNotFound": (404, "The specified file does not exist."),
    "InternalError": (500, "Server encountered an internal error. Please try again after some time."),
    "InvalidHeaderValue": (400, "The value for one of the HTTP headers is not in the correct format."),
    "InvalidPropertyValue": (
        400,
        "The value provided for one of the properties in the request body is invalid.",
    ),
    "InvalidQueryParameterValue": (
        400,
        "Value for one of the query parameters specified in the request URI is invalid.",
    ),
    "InvalidRange": (416, "The range specified is invalid for the current size of the resource."),
    "InvalidRequestBody": (400, "The specified Request Body is not syntactically valid."),
    "InvalidUri": (400, "The requested URI does not represent any resource on the server."),
    "JobBeingDeleted": (
        409,
        "The specified job has been marked for deletion and is being garbage collected.",
    ),
    "JobBeingTerminated": (409, "The specified job is being terminated."),
    "JobCompleted": (409, "The specified job is already in a completed state."),
    "JobExists": (409, "The specified job already exists."),
    "JobNotActive": (409, "The specified job is not in active state."),
    "JobNotFound": (404, "The specified job does not exist."),
    "MissingRequiredProperty": (400, "A required property was not specified in the request body."),
    "MissingRequiredQueryParameter": (
        400,
        "A query parameter that's mandatory for this request is not specified.",
    ),
    "NodeNotFound": (404, "The specified node does not exist."),
    # A 304 has no body, so this code is never seen.
    "NotModified": (304, "The resource has not been modified."),
    "OperationInvalidForCurrentState": (
        409,
        "The specified operation is not valid for the current state of the resource.",
    ),
    "PoolBeingDeleted": (409, "The specified pool has been marked for deletion and is being reclaimed."),
    "PoolBeingResized": (409, "The specified pool is being resized."),
    "PoolExists": (409, "The specified pool already exists."),
    "PoolNotFound": (404, "The specified pool does not exist."),
    "RequestBodyTooLarge": (413, "The size of the request body exceeds the maximum size permitted."),
    "TaskCompleted": (409, "The specified task is already in a completed state."),
    "TaskDependenciesNotSpecifiedOnJob": (
        400,
        "The task specifies dependencies but the job does not use task dependencies.",
    ),
    "TaskDependencyListTooLong": (400, "The list of task ids that the task depends on is too long."),
    "TaskExists": (409, "The specified task already exists."),
    "TaskNotCompleted": (
        409,
        "The specified task is not in a completed state, "
        "and the requested operation can be performed only on completed tasks.",
    ),
    "TaskNotFound": (404, "The specified task does not exist."),
    "TaskSucceeded": (
        409,
        "The specified task has already completed successfully, "
        "and the requested operation cannot be performed on successful tasks.",
    ),
    "UnsupportedHttpVerb": (405, "The resource doesn't support the specified HTTP verb."),
}


class BatchError(Exception):
    """A request the service refuses.

    `code` is a key of ERRORS and decides the HTTP `status`; `values` are the pairs shown beside the message.
    """

    def __init__(self, code: str, **values: object) -> None:
        self.code = code
        self.status, self.message = ERRORS[code]
        self.values = {key: str(value) for key, value in values.items()}
        super().__init__(f"{code}: {self.values}" if values else code)


def invalid_property(name: str, value: object, reason: str) -> BatchError:
    """Return the error for a property whose value is out of its domain."""
    return BatchError("InvalidPropertyValue", PropertyName=name, PropertyValue=value, Reason=reason)


def invalid_query(name: str, value: object, reason: str) -> BatchError:
    """Return the error for a query parameter the service cannot read."""
    return BatchError(
        "InvalidQueryParameterValue", QueryParameterName=name, QueryParameterValue=value, Reason=reason
    )
