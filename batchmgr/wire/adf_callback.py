"""The callback body: Azure Data Factory's WebHook contract, with `reportStatusOnCallBack`.

`StatusCode` is a string; 400 or higher fails the activity. `Output` becomes the output of the activity.
"""

import msgspec

from batchmgr.model.batch_snapshots import BAD_INPUT
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


BAD_INPUT_STATUS = "422"
"""The status of a job that ran and failed because of its input: its sender has to act."""


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
    return AdfCallback(output=outcome(record), status_code=_status_code(record), error=error)


def _status_code(record: JobRecord) -> str:
    status = STATUS_CODES[record.state]
    is_bad_input = record.error is not None and record.error.category == BAD_INPUT
    return BAD_INPUT_STATUS if is_bad_input and status == "500" else status
