"""The body of a request to run a job again."""

from typing import Literal

from batchmgr.wire.job_message import WebhookMessage
from batchmgr.wire.json_codec import decode, prepare
from batchmgr.wire.task_message import Message


class RerunRequest(Message, frozen=True):
    """Which tasks run again, under which job id, and who is told of the end.

    `failed` are those that have not succeeded, and all that wait for them. Without a `call_back_uri`, that of
    the first job is called; if it is empty, nobody is. The same holds for `webhooks`.
    """

    tasks: Literal["failed", "all"] = "failed"
    job_id: str = ""
    call_back_uri: str | None = None
    webhooks: tuple[WebhookMessage, ...] | None = None


prepare(RerunRequest)


def decode_rerun(body: bytes) -> RerunRequest:
    """Return the request in a body, which may be empty. Raise InvalidJobError, which names the field."""
    return decode(body, RerunRequest) if body.strip() else RerunRequest()
