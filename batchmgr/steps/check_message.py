"""The rules that a decoded job message must keep by itself, beyond its types and the rules of every plan."""

import re
from collections.abc import Callable, Iterator

from batchmgr.errors import InvalidJobError
from batchmgr.factories.factory_rules import factory_problems
from batchmgr.plan.file_rules import is_web_url
from batchmgr.plan.ids import is_valid_id
from batchmgr.plan.task_rules import ID_RULE, positive
from batchmgr.wire.job_message import JobMessage

_NOTIFY = re.compile(r"\*|(?:job|task|\*)\.(?:[a-z_]+|\*)")


def check_message(message: JobMessage, check_callback: Callable[[str], None] | None = None) -> None:
    """Raise InvalidJobError for the first rule that the message breaks. See `message_problems`."""
    for problem in message_problems(message, check_callback):
        raise problem


def message_problems(
    message: JobMessage, check_callback: Callable[[str], None] | None = None
) -> Iterator[InvalidJobError]:
    """Yield every rule that the message breaks.

    `check_callback` raises InvalidJobError for a callback URI that batchmgr may not call.
    """
    yield from _own_problems(message)
    if message.task_factory is not None:
        yield from factory_problems(message.task_factory)
    try:
        if message.call_back_uri and check_callback is not None:
            check_callback(message.call_back_uri)
    except InvalidJobError as error:
        yield error


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
    if message.call_back_uri and not is_web_url(message.call_back_uri):
        yield InvalidJobError("must be an absolute http or https URL", field="callBackUri")
    yield from positive(message.stall_limit, "stallLimit")
    for index, pattern in enumerate(message.notify):
        if not _NOTIFY.fullmatch(pattern):
            yield InvalidJobError(
                "must be a pattern such as job.*, job.succeeded or task.failed", field=f"notify[{index}]"
            )
