"""The rules that a decoded job message must keep by itself, beyond its types and the rules of every plan."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from batchmgr.errors import InvalidJobError
from batchmgr.factories.factory_rules import factory_problems
from batchmgr.model.callback_rules import parse_callback_uri
from batchmgr.model.request_limits import (
    MAX_DEPTH,
    MAX_MESSAGE_TASKS,
    MAX_METADATA,
    MAX_PATTERNS,
    MAX_URI,
    MAX_WEBHOOKS,
    MAX_WORKLOAD,
    is_deeper,
)
from batchmgr.model.retention import LONGEST
from batchmgr.model.size_limits import size_of
from batchmgr.plan.ids import is_valid_id
from batchmgr.plan.problems import raise_problems
from batchmgr.plan.task_rules import ID_RULE, positive
from batchmgr.wire.job_message import JobMessage, WebhookMessage

_NO_TASKS = ("workload", "tasks", "taskFactory")
"""If one of these fields is wrong, the job has no tasks that could be planned."""

_NOTIFY = re.compile(r"\*|(?:job|task|\*)\.(?:[a-z_]+|\*)")


def check_message(message: JobMessage, check_callback: Callable[[str], None] | None = None) -> None:
    """Raise InvalidJobError for the first rules that the message breaks. See `message_problems`."""
    raise_problems(message_problems(message, check_callback))


def message_problems(
    message: JobMessage, check_callback: Callable[[str], None] | None = None
) -> Iterator[InvalidJobError]:
    """Yield every rule that the message breaks.

    `check_callback` raises InvalidJobError for a callback URI that batchmgr may not call.
    """
    yield from _own_problems(message)
    if message.task_factory is not None:
        yield from factory_problems(message.task_factory)
    check = check_callback or parse_callback_uri
    try:
        if message.call_back_uri:
            check(message.call_back_uri)
    except InvalidJobError as error:
        yield error
    yield from webhook_problems(message.webhooks, check)


def has_tasks_to_plan(problems: Iterable[InvalidJobError]) -> bool:
    """Return whether the job of a message with these problems has tasks that can be planned nevertheless."""
    return not any(problem.field.partition(".")[0] in _NO_TASKS for problem in problems)


def _own_problems(message: JobMessage) -> Iterator[InvalidJobError]:
    if message.job_id and not is_valid_id(message.job_id):
        yield InvalidJobError(ID_RULE, field="jobId")
    described = [bool(message.workload), bool(message.tasks), message.task_factory is not None]
    if described.count(True) != 1:
        yield InvalidJobError("give one of workload, tasks and taskFactory", field="workload")
    if message.inputs and not message.workload:
        yield InvalidJobError("inputs belong to a workload; tasks carry their own", field="inputs")
    if message.job_manager_task is not None and not message.workload:
        yield InvalidJobError("name the workload that the job manager task plans", field="workload")
    yield from positive(message.stall_limit, "stallLimit")
    yield from positive(message.retention_time, "retentionTime")
    if message.retention_time is not None and message.retention_time > LONGEST:
        yield InvalidJobError(f"must be at most P{LONGEST.days}D", field="retentionTime")
    yield from _size_problems(message)
    yield from _pattern_problems(message.notify, "notify")


def webhook_problems(
    webhooks: Sequence[WebhookMessage], check: Callable[[str], object]
) -> Iterator[InvalidJobError]:
    """Yield every rule that the webhooks break. No problem shows a URI, which is a secret."""
    if len(webhooks) > MAX_WEBHOOKS:
        yield InvalidJobError(f"must be at most {MAX_WEBHOOKS}, not {len(webhooks)}", field="webhooks")
    seen = set[str]()
    for index, webhook in enumerate(webhooks[: MAX_WEBHOOKS + 1]):
        field = f"webhooks[{index}]"
        if len(webhook.uri) > MAX_URI:
            yield InvalidJobError(f"must have at most {MAX_URI} characters", field=f"{field}.uri")
        elif webhook.uri in seen:
            yield InvalidJobError("is the URI of another webhook: name each once", field=f"{field}.uri")
        else:
            try:
                check(webhook.uri)
            except InvalidJobError as error:
                yield InvalidJobError(error.reason, field=f"{field}.uri")
        seen.add(webhook.uri)
        if not webhook.events:
            yield InvalidJobError("name the events to send, or leave it out", field=f"{field}.events")
        yield from _pattern_problems(webhook.events, f"{field}.events")


def _pattern_problems(patterns: Sequence[str], field: str) -> Iterator[InvalidJobError]:
    if len(patterns) > MAX_PATTERNS:
        yield InvalidJobError(f"must have at most {MAX_PATTERNS} patterns, not {len(patterns)}", field=field)
    for index, pattern in enumerate(patterns[: MAX_PATTERNS + 1]):
        if len(pattern) > MAX_WORKLOAD or not _NOTIFY.fullmatch(pattern):
            yield InvalidJobError(
                "must be a pattern such as job.*, job.succeeded or task.failed", field=f"{field}[{index}]"
            )


def _size_problems(message: JobMessage) -> Iterator[InvalidJobError]:
    if len(message.tasks) > MAX_MESSAGE_TASKS:
        yield InvalidJobError(
            f"must have at most {MAX_MESSAGE_TASKS:,} tasks, not {len(message.tasks):,}: split it into jobs",
            field="tasks",
        )
    if is_deeper(message.inputs, MAX_DEPTH):
        yield InvalidJobError(f"must not be nested deeper than {MAX_DEPTH} levels", field="inputs")
    size = size_of(message.metadata)
    if size > MAX_METADATA:
        yield InvalidJobError(
            f"must take at most {MAX_METADATA} bytes of JSON, not {size}: put data into a blob",
            field="metadata",
        )
    if len(message.workload) > MAX_WORKLOAD:
        yield InvalidJobError(f"must have at most {MAX_WORKLOAD} characters", field="workload")
    if message.pool_id and not is_valid_id(message.pool_id):
        yield InvalidJobError(ID_RULE, field="poolId")
    if len(message.call_back_uri) > MAX_URI:
        yield InvalidJobError(f"must have at most {MAX_URI} characters", field="callBackUri")
