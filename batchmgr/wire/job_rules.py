"""The rules a decoded job message must keep, beyond its types and the rules of every plan."""

import re
from collections.abc import Iterator

from batchmgr.errors import InvalidJobError
from batchmgr.factories.factory_rules import broken_by_factory
from batchmgr.plan.file_rules import is_web_url
from batchmgr.plan.ids import is_valid_id
from batchmgr.plan.task_rules import ID_RULE
from batchmgr.wire.job_message import JobMessage

_NOTIFY = re.compile(r"\*|(?:job|task|\*)\.(?:[a-z_]+|\*)")


def check_job(message: JobMessage) -> None:
    """Raise InvalidJobError for the first rule the message breaks."""
    for problem in broken_rules(message):
        raise problem


def broken_rules(message: JobMessage) -> Iterator[InvalidJobError]:
    """Every rule that the message breaks, one by one."""
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
    for index, pattern in enumerate(message.notify):
        if not _NOTIFY.fullmatch(pattern):
            yield InvalidJobError(
                "must be a pattern such as job.*, job.succeeded or task.failed", field=f"notify[{index}]"
            )
    if message.task_factory is not None:
        yield from broken_by_factory(message.task_factory)
