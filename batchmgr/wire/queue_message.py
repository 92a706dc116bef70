"""The messages of the job request queue: a whole job, or a reference to a stored one (claim check)."""

from batchmgr.wire.job_message import JobMessage, decode_job
from batchmgr.wire.json_codec import decode, decode_object
from batchmgr.wire.task_message import Message


class JobReference(Message, frozen=True):
    """A message that refers to a job whose request is stored in a blob."""

    stored_job_id: str


def decode_queue_message(body: bytes) -> JobMessage | JobReference:
    """Return the job, or the reference to a stored job. Raise InvalidJobError, which names the field."""
    if (decode_object(body) or {}).keys() == {"storedJobId"}:
        return decode(body, JobReference)
    return decode_job(body)


def identify_undecodable(body: bytes, fallback_id: str = "") -> tuple[str, str]:
    """Return the job id and the callback URI of a message that can't be decoded. Each is empty if unknown.

    A JSON object without a `jobId` has the `fallback_id`, as a valid message would have.
    """
    value = decode_object(body)
    if value is None:
        return "", ""
    job_id, uri = value.get("jobId", fallback_id), value.get("callBackUri")
    return (job_id if isinstance(job_id, str) else "", uri if isinstance(uri, str) else "")
