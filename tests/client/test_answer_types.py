"""The client reads what the app writes: each field that it knows is one of the app's answers."""

from typing import Any

import msgspec
import pytest

from batchmgr.client import answers
from batchmgr.wire import app_answer_types as app
from batchmgr.wire import job_answer_types as job
from batchmgr.wire import plan_preview
from batchmgr.wire import task_answer_types as task
from batchmgr.wire import usage_answer as usage

PAIRS: list[tuple[Any, Any]] = [
    (answers.Accepted, job.AcceptedAnswer),
    (answers.Callback, job.CallbackAnswer),
    (answers.DeadLetter, app.DeadLetterAnswer),
    (answers.DeadLetterPage, app.DeadLetterPage),
    (answers.Event, job.EventAnswer),
    (answers.EventPage, job.EventPage),
    (answers.FailureGroup, task.FullFailureGroup),
    (answers.Failures, task.FailureList),
    (answers.FailedTask, task.FailedTaskAnswer),
    (answers.Job, job.JobAnswer),
    (answers.JobPage, job.JobPage),
    (answers.JobError, job.ErrorAnswer),
    (answers.JobWarning, plan_preview.Problem),
    (answers.KindUsage, usage.KindUsageAnswer),
    (answers.NodeHours, usage.NodeHoursAnswer),
    (answers.Cost, usage.CostAnswer),
    (answers.Outcome, job.OutcomeAnswer),
    (answers.ResultFile, job.ResultAnswer),
    (answers.ResultLink, job.LinkAnswer),
    (answers.Task, task.TaskAnswer),
    (answers.TaskCounts, job.Counts),
    (answers.TaskError, task.FullFailure),
    (answers.TaskFile, task.TaskFileAnswer),
    (answers.TaskFiles, task.FileList),
    (answers.TaskPage, task.TaskPage),
    (answers.TaskResult, job.TaskResultAnswer),
    (answers.TimeLeft, job.TimeLeftAnswer),
    (answers.Timeline, task.TimelineAnswer),
    (answers.LostRuns, task.LostRuns),
    (answers.Upload, app.UploadAnswer),
    (answers.Usage, usage.UsageAnswer),
    (answers.WaitingFor, job.WaitingForAnswer),
    (answers.Webhook, job.WebhookAnswer),
]


@pytest.mark.parametrize(("known", "told"), [pytest.param(*pair, id=pair[0].__name__) for pair in PAIRS])
def test_the_client_knows_no_field_that_the_app_does_not_send(known: Any, told: Any) -> None:
    assert set(known.__struct_encode_fields__) - set(told.__struct_encode_fields__) == set()


def test_every_answer_of_the_client_has_its_pair() -> None:
    found = {
        kind for kind in vars(answers).values() if isinstance(kind, type) and issubclass(kind, msgspec.Struct)
    }
    bases = {answers.Answer, answers.JobAddresses}
    assert found == {known for known, _ in PAIRS} | bases
