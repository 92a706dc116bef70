"""The error codes of Azure Batch, each with its HTTP status and its message."""

from typing import Final

ERROR_CODES: Final[dict[str, tuple[int, str]]] = {
    "NodeAlreadyInTargetSchedulingState": (
        409,
        "The specified node is already in the target scheduling state.",
    ),
    "NodeBeingRebooted": (409, "The specified node is being rebooted."),
    "NodeBeingReimaged": (409, "The specified node is being reimaged."),
    "NodeBeingStarted": (409, "The specified node is being started."),
    "TaskFilesCleanedup": (409, "The files of the specified task are cleanedup."),
    "TaskIdSameAsJobPreparationTask": (
        409,
        "The id of the specified task is the same as that of the job preparation task.",
    ),
    "TaskIdSameAsJobReleaseTask": (
        409,
        "The id of the specified task is the same as that of the job release task.",
    ),
    "ActiveJobAndScheduleQuotaReached": (
        409,
        "The maximum number of active jobs and job schedules for this account has been reached.",
    ),
    "ApplicationNotFound": (404, "The specified application does not exist."),
    "AuthenticationFailed": (
        403,
        "Server failed to authenticate the request. "
        "Make sure the value of Authorization header is formed correctly including the signature.",
    ),
    "AutoScalingFormulaSyntaxError": (400, "The specified autoscaling formula has a syntax error."),
    "AutoScalingFormulaTooLong": (400, "The specified autoscaling formula exceeds the length limit."),
    "CertificateNotFound": (404, "The specified certificate does not exist."),
    "ConditionNotMet": (412, "The condition specified using HTTP conditional header(s) is not met."),
    "FileNotFound": (404, "The specified file does not exist."),
    "IOError": (403, "An I/O error occurred when accessing the specified resource."),
    "Forbidden": (403, "Access is Forbidden"),
    "InternalError": (500, "Server encountered an internal error. Please try again after some time."),
    "InvalidApplicationPackageReferences": (
        409,
        "One or more of the specified application package references are invalid.",
    ),
    "InvalidAutoScalingSettings": (400, "The specified autoscaling settings are not valid."),
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
    "JobDisabled": (409, "The specified job is disabled."),
    "JobExists": (409, "The specified job already exists."),
    "JobNotActive": (409, "The specified job is not in active state."),
    "JobNotFound": (404, "The specified job does not exist."),
    "JobPreparationTaskOrReleaseTaskNotSpecified": (
        409,
        "The specified job does not have either job preparation task or job release task.",
    ),
    "JobScheduleBeingDeleted": (
        409,
        "The specified job schedule has been marked for deletion and is being reclaimed.",
    ),
    "JobScheduleBeingTerminated": (409, "The specified job schedule is being terminated."),
    "JobScheduleCompleted": (409, "The specified job schedule is already in completed state."),
    "JobScheduleDisabled": (409, "The specified job schedule is disabled."),
    "JobScheduleExists": (409, "The specified job schedule already exists."),
    "JobScheduleNotFound": (404, "The specified job schedule does not exist."),
    "JobScheduleWithSameIdExists": (
        409,
        "A job schedule with the specified job id exists. Job and job schedule cannot have the same id.",
    ),
    "JobWithSameIdExists": (
        409,
        "A job with the specified job schedule id exists. Job and job schedule cannot have the same id.",
    ),
    "MissingRequiredProperty": (400, "A required property was not specified in the request body."),
    "MissingRequiredQueryParameter": (
        400,
        "A query parameter that's mandatory for this request is not specified.",
    ),
    "NodeNotFound": (404, "The specified node does not exist."),
    "NodeUserExists": (409, "The specified node user already exists."),
    "NodeUserNotFound": (404, "The specified node user does not exist."),
    # A response with status 304 has no body, so clients never see this code.
    "NotModified": (304, "The resource has not been modified."),
    "OperationInvalidForCurrentState": (
        409,
        "The specified operation is not valid for the current state of the resource.",
    ),
    "OperationNotValidOnNode": (409, "The specified operation is not valid on the node."),
    "OperationNotValidOnPool": (409, "The specified operation is not valid on the pool."),
    "PoolBeingDeleted": (409, "The specified pool has been marked for deletion and is being reclaimed."),
    "PoolBeingResized": (409, "The specified pool is being resized."),
    "PoolExists": (409, "The specified pool already exists."),
    "PoolQuotaReached": (409, "The maximum number of pools for this account has been reached."),
    "PoolNotFound": (404, "The specified pool does not exist."),
    "RequestBodyTooLarge": (413, "The size of the request body exceeds the maximum size permitted."),
    "ResourceNotFound": (404, "The specified resource does not exist."),
    "TaskCompleted": (409, "The specified task is already in a completed state."),
    "TaskDependenciesNotSpecifiedOnJob": (
        400,
        "The task specifies dependencies but the job does not use task dependencies.",
    ),
    "TaskDependencyListTooLong": (400, "The list of task ids that the task depends on is too long."),
    "TaskExists": (409, "The specified task already exists."),
    "TaskFilesUnavailable": (409, "The files of the specified task are unavailable."),
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
    "ServerBusy": (503, "The server is busy. Please retry after some time."),
    "TooManyRequests": (429, "Too many requests have been made. Please retry after some time."),
    "OperationTimedOut": (500, "Operation could not be completed within the specified time."),
    "TooManyEnableAutoScaleRequests": (
        503,
        "Too many requests to enable automatic scaling are issued on the pool.",
    ),
    "UnsupportedHttpVerb": (405, "The resource doesn't support the specified HTTP verb."),
}
