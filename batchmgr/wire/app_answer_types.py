"""The bodies of answers about the app, as types: dead letters, uploads, health, errors."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from batchmgr.model.dead_letter import DeadLetterKind
from batchmgr.wire.answer import Answer


class DeadLetterAnswer(Answer, frozen=True):
    """A callback or webhook that was given up, or a message that can't be used."""

    id: str
    kind: DeadLetterKind
    time: datetime
    reason: str
    job_id: str = ""
    receiver: str = ""
    queue: str = ""
    message_id: str = ""


class DeadLetterPage(Answer, frozen=True):
    """A page of dead letters, the newest first."""

    dead_letters: Sequence[DeadLetterAnswer]
    next_link: str = ""


class UploadAnswer(Answer, frozen=True):
    """Where to put a job message, and the message that then names it; or where to put an input."""

    upload_uri: str
    method: Literal["PUT"]
    headers: dict[str, str]
    expires_at: datetime
    message: dict[str, str] = {}


class DeletionAnswer(Answer, frozen=True, omit_defaults=False):
    """A job that is being deleted: send the request again."""

    job_id: str
    is_deleted: bool


class HealthAnswer(Answer, frozen=True):
    """Whether the app can work."""

    status: Literal["healthy", "degraded", "unhealthy"]


class HealthDetails(HealthAnswer, frozen=True):
    """Whether the app can work, and what is wrong. `poison` counts messages in poison queues."""

    checks: dict[str, str]
    workloads: Sequence[str] = ()
    poison: dict[str, int] = {}


class OpenApiAnswer(Answer, frozen=True):
    """An OpenAPI document."""

    openapi: str
    info: dict[str, str]
    servers: Sequence[dict[str, str]]
    paths: dict[str, Any]
    components: dict[str, Any]
    security: Sequence[dict[str, Any]]


class ProblemError(Answer, frozen=True):
    """One thing that is wrong with a request: a field of the message, or a parameter of the query."""

    detail: str
    field: str = ""
    pointer: str = ""
    parameter: str = ""


class ProblemAnswer(Answer, frozen=True):
    """An error: a problem document (RFC 9457). `code` never changes."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    field: str = ""
    errors: Sequence[ProblemError] = ()
