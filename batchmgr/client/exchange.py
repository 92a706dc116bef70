"""The steps that a flow asks its client for. A flow is written once, and run with and without `async`."""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from batchmgr.errors import AppError, NotFoundError

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Request:
    """One HTTP request.

    `path` is below `/api`, or a whole URI of storage, which is sent without the app's key. A body that is a
    path is the content of this file. `patience_s` is how long the request is sent again if nobody answers;
    None: as long as the client says.
    """

    method: str = "GET"
    path: str
    query: Mapping[str, str | int] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Path = b""
    timeout_s: float = 120.0
    patience_s: float | None = None

    @property
    def is_for_storage(self) -> bool:
        """Return whether the request goes to storage instead of to the app."""
        return "://" in self.path


@dataclass(frozen=True, kw_only=True)
class Reply:
    """The answer to a request. The names of headers are in small letters. `tries`: how often it was sent."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    tries: int = 1


@dataclass(frozen=True)
class Pause:
    """Wait for some seconds."""

    seconds: float


@dataclass(frozen=True)
class Item:
    """A value for the caller, who goes through them one by one."""

    value: Any


class NoAnswerError(Exception):
    """A request had no answer: the app can't be reached, or the connection was lost."""


Flow = Generator[Request | Pause | Item, Any, T]
"""What a call does, step by step. Its client sends the reply to each request into it, and gets its result."""


def decoded(reply: Reply, kind: type[T]) -> T:
    """Return the answer in a reply. Raise AppError, in the app's own words, if it is another."""
    if reply.status >= 300:
        raise refusal(reply)
    try:
        return msgspec.json.decode(reply.content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise AppError(
            f"the address does not answer as batchmgr does ({error}): is it right?", status=reply.status
        ) from error


def refusal(reply: Reply) -> AppError:
    """Return the error that a reply tells of: a problem document (RFC 9457), or what stands in its place."""
    problem = problem_of(reply)
    detail = str(problem.get("detail") or problem.get("title") or "")
    if field_ := problem.get("field"):
        detail = f"{field_}: {detail}"
    if not detail:
        detail = {
            401: "the app wants a function key, and this one is missing or wrong",
            403: "the app does not let this caller in",
            404: "the app has no such address: is it right, and is the app new enough?",
        }.get(reply.status, "the app gave no reason")
    kind = NotFoundError if reply.status in (404, 410) and problem else AppError
    code = str(problem.get("code") or reply.headers.get("x-ms-error-code", ""))
    return kind(
        f"{detail} (status {reply.status})", status=reply.status, code=code, problems=_other_problems(problem)
    )


def _other_problems(problem: Mapping[str, Any]) -> list[str]:
    """Return all that is wrong, if it is more than what `detail` says."""
    errors = problem.get("errors")
    if not isinstance(errors, list) or len(errors) < 2:
        return []
    return [f"{_place(error)}: {error.get('detail', '')}" for error in errors if isinstance(error, dict)]


def _place(error: Mapping[str, Any]) -> str:
    """Return what is wrong: a field of the message, or a parameter of the query."""
    pointer = str(error.get("pointer", "")).removeprefix("#/").replace("/", ".")
    return str(error.get("field") or error.get("parameter") or pointer or "message")


def problem_of(reply: Reply) -> dict[str, Any]:
    """Return the problem document in a reply, or nothing."""
    try:
        found = msgspec.json.decode(reply.content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return (
        found if isinstance(found, dict) and not found.keys().isdisjoint(("detail", "title", "code")) else {}
    )


class Run(Generic[T]):
    """A flow under way. `result` is what it has returned, once there is no next step."""

    result: T

    def __init__(self, flow: Flow[T]) -> None:
        self._flow = flow

    def next_step(
        self, reply: Reply | None = None, error: NoAnswerError | None = None
    ) -> Request | Pause | Item | None:
        """Give the flow what its last step has led to. Return its next one, or None at its end."""
        try:
            return self._flow.throw(error) if error else self._flow.send(reply)
        except StopIteration as stop:
            self.result = stop.value
            return None


def shown(flow: Flow[T], show: Callable[[Any], None]) -> Flow[T]:
    """Run a flow, and show its items instead of giving them to the caller."""
    run = Run(flow)
    step = run.next_step()
    while step is not None:
        if isinstance(step, Item):
            show(step.value)
            step = run.next_step()
            continue
        try:
            reply = yield step
        except NoAnswerError as error:
            step = run.next_step(error=error)
        else:
            step = run.next_step(reply)
    return run.result
