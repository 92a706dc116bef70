"""The callback body: Azure Data Factory's WebHook contract, with `reportStatusOnCallBack`.

`StatusCode` is a string; 400 or higher fails the activity. `Output` becomes the output of the activity.
"""

import msgspec

from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_states import JobState
from batchmgr.wire.job_answers import outcome

STATUS_CODES = {
    JobState.SUCCEEDED: "200",
    JobState.REJECTED: "400",
    JobState.CANCELLED: "499",
    JobState.FAILED: "500",
    JobState.PARTIAL: "500",
    JobState.TIMED_OUT: "504",
}


class AdfError(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """Why the activity fails: shown in the pipeline."""

    error_code: str
    message: str


class AdfCallback(msgspec.Struct, frozen=True, kw_only=True, rename="pascal", omit_defaults=True):
    """The body of the callback, which ends a WebHook activity."""

    output: dict[str, object]
    status_code: str
    error: AdfError | None = None


def adf_callback(record: JobRecord) -> AdfCallback:
    """Return the callback body of a job that has ended."""
    error = None
    if record.state is not JobState.SUCCEEDED:
        known = record.error
        error = AdfError(
            error_code=known.code if known else record.state.value,
            message=known.message if known else f"The job is {record.state.value}.",
        )
    return AdfCallback(output=outcome(record), status_code=STATUS_CODES[record.state], error=error)
