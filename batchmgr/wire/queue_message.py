"""What a message may hold: a whole job, or a reference to one that is stored or uploaded (claim check)."""

from typing import NamedTuple

import msgspec

from batchmgr.errors import InvalidJobError
from batchmgr.model.active_job import ActiveJob
from batchmgr.wire.job_message import JobMessage, WebhookMessage, decode_job
from batchmgr.wire.json_codec import decode, decode_object, prepare
from batchmgr.wire.message_text import event_grid_type, json_text, without_mark
from batchmgr.wire.task_message import Message

UPLOADED = "uploadedRequest"
LONGEST_REFERENCE = 64 * 1024
"""Longer bodies are whole jobs, and are not looked into before they are decoded."""


class JobReference(Message, frozen=True):
    """A message that refers to a job whose request is stored in a blob."""

    stored_job_id: str


class FinalizeReference(Message, frozen=True):
    """A message that has a job finalized. `attempts` counts how often that has failed."""

    stored_job_id: str
    attempts: int = 0


class PollRequest(Message, frozen=True):
    """A message that has active jobs polled: some of them in turn, or one for as long as it takes."""

    jobs: tuple[ActiveJob, ...] = ()
    long_poll_of: str = ""


class UploadReference(Message, frozen=True):
    """A message that names an uploaded job message. What is given here replaces what is in it."""

    uploaded_request: str
    job_id: str = ""
    call_back_uri: str = ""


_Webhooks = tuple[WebhookMessage, ...]
prepare(JobReference, FinalizeReference, PollRequest, UploadReference, _Webhooks)


def decode_request(body: bytes) -> JobMessage | UploadReference:
    """Return the job in the body of an HTTP request, or the reference to an uploaded one.

    Raise InvalidJobError, which names the field.
    """
    text = without_mark(body)
    if len(text) <= LONGEST_REFERENCE and UPLOADED in (decode_object(text) or {}):
        return decode(text, UploadReference)
    return decode_job(text)


def decode_queue_message(body: bytes) -> JobMessage | JobReference | UploadReference:
    """Return what a message of the job request queue holds. Raise InvalidJobError, which names the field."""
    text = json_text(body)
    value = decode_object(text)
    if value is None:
        return _reject_event(text)
    if value.keys() == {"storedJobId"}:
        return decode(text, JobReference)
    if UPLOADED in value:
        return decode(text, UploadReference)
    if type_ := event_grid_type(value):
        raise _is_event(type_)
    return decode_job(text)


def decode_reference(body: bytes) -> JobReference:
    """Return a message of batchmgr's own. Raise InvalidJobError if it is none."""
    return decode(json_text(body), JobReference)


def decode_finalize(body: bytes) -> FinalizeReference:
    """Return a message that has a job finalized. Raise InvalidJobError if it is none."""
    return decode(json_text(body), FinalizeReference)


def decode_poll(body: bytes) -> PollRequest:
    """Return a message that has jobs polled. Raise InvalidJobError if it is none."""
    return decode(json_text(body), PollRequest)


class Undecodable(NamedTuple):
    """What is known of a message that can't be decoded. What can't be made out is empty."""

    job_id: str = ""
    call_back_uri: str = ""
    webhooks: tuple[WebhookMessage, ...] = ()


def identify_undecodable(body: bytes, fallback_id: str = "") -> Undecodable:
    """Return what is known of a message that can't be decoded: which job it is, and who is to be told.

    A JSON object without a `jobId` has the `fallback_id`, as a valid message would have.
    """
    try:
        value = decode_object(json_text(body))
    except InvalidJobError:
        value = None
    if value is None:
        return Undecodable()
    job_id, uri = value.get("jobId", fallback_id), value.get("callBackUri")
    try:
        webhooks = msgspec.convert(value.get("webhooks", ()), _Webhooks)
    except msgspec.ValidationError:
        webhooks = ()
    return Undecodable(
        job_id=job_id if isinstance(job_id, str) else "",
        call_back_uri=uri if isinstance(uri, str) else "",
        webhooks=webhooks,
    )


def _reject_event(text: bytes) -> JobMessage:
    """Raise the error for JSON that is no object. It may be a list of Event Grid's events."""
    if type_ := event_grid_type(msgspec.json.decode(text)):
        raise _is_event(type_)
    return decode_job(text)


def _is_event(type_: str) -> InvalidJobError:
    return InvalidJobError(
        f"the message is an event of Event Grid ({type_}), and no job: send a job message from the event's "
        "handler, or use a taskFactory for the blobs"
    )
