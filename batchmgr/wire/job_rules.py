"""The rules a decoded job message must keep, beyond its types and the rules of every plan."""

import re

from batchmgr.errors import InvalidJobError
from batchmgr.model.ids import is_valid_id
from batchmgr.model.paths import is_web_url
from batchmgr.model.task_rules import ID_RULE
from batchmgr.wire.job_message import JobMessage

_NOTIFY = re.compile(r"\*|(?:job|task|\*)\.(?:[a-z_]+|\*)")


def check_job(message: JobMessage) -> None:
    """Raise InvalidJobError for the first rule the message breaks."""
    if message.job_id and not is_valid_id(message.job_id):
        raise InvalidJobError(ID_RULE, field="jobId")
    if bool(message.workload) == bool(message.tasks):
        raise InvalidJobError("give either a workload or tasks", field="workload")
    if message.inputs and message.tasks:
        raise InvalidJobError("inputs belong to a workload; tasks carry their own", field="inputs")
    if message.call_back_uri and not is_web_url(message.call_back_uri):
        raise InvalidJobError("must be an absolute http or https URL", field="callBackUri")
    for index, pattern in enumerate(message.notify):
        if not _NOTIFY.fullmatch(pattern):
            raise InvalidJobError(
                "must be a pattern such as job.*, job.succeeded or task.failed", field=f"notify[{index}]"
            )
    if message.job_manager_task is not None and not message.workload:
        raise InvalidJobError("name the workload that the job manager task plans", field="workload")
