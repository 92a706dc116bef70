"""The checks after a storm. Each yields one sentence for everything that is wrong."""

import base64
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from fnmatch import fnmatchcase

from tests.storm.evidence import BatchTask, Evidence
from tests.storm.job_kinds import WEBHOOK_EVENTS, Json, PlannedJob
from tests.storm.job_sender import SentJob

LARGEST_RECORD = 256 * 1024
LARGEST_EVENT = 48 * 1024
LARGEST_CALLBACK = 256 * 1024
MOST_FAILED_TASKS = 20
FINALIZE_TASK = "batchmgr-finalize"

_OWN_PREFIX = "batchmgr-"
_FINAL = {"succeeded", "failed", "partial", "cancelled", "timed_out", "rejected"}


def jobs(evidence: Evidence) -> Iterator[SentJob]:
    """Yield the messages that became jobs."""
    return (job for job in evidence.sent.values() if job.plan.has_record)


def allowed_states(job: SentJob) -> frozenset[str]:
    """Return the states in which a job may have ended."""
    return frozenset({"cancelled"}) if job.cancel_status == 202 else job.plan.states


def check_that_each_job_has_ended(evidence: Evidence) -> Iterator[str]:
    """Each accepted job has ended as it must, and has not changed since. Nothing else has a record."""
    for job in jobs(evidence):
        job_id = job.plan.job_id
        outcome = evidence.outcomes.get(job_id) or (job.first_end if job.plan.is_fleeting else None)
        if outcome is None:
            yield f"{job_id} has not ended"
        elif outcome["state"] not in allowed_states(job):
            error = (outcome["error"] or {}).get("message", "no error")
            yield f"{job_id} is {outcome['state']}, not {' or '.join(allowed_states(job))}: {error}"
        elif job.first_end is not None and job.first_end != outcome:
            yield f"the result of {job_id} has changed since it was first seen"
    expected = {job.plan.job_id for job in jobs(evidence)}
    for name in evidence.record_sizes.keys() - expected:
        yield f"there is a record {name}, but no such job was sent"


def check_the_truth(evidence: Evidence) -> Iterator[str]:
    """Each result says what Azure Batch says, and what the tasks themselves have noted."""
    for job_id, outcome in evidence.outcomes.items():
        tasks = evidence.batch_tasks.get(job_id, {})
        if outcome["state"] == "rejected":
            continue
        counted = _count(tasks)
        if outcome["counts"] != counted:
            yield f"{job_id} has the counts {outcome['counts']}, but its tasks are {counted}"
        failed = {name for name, task in tasks.items() if task.result == "failure"}
        named = {task["taskId"] for task in outcome["failedTasks"]}
        if not named <= failed or len(named) < min(len(failed), MOST_FAILED_TASKS):
            yield f"{job_id} names the failed tasks {sorted(named)}, but these failed: {sorted(failed)}"
        yield from _check_tasks(evidence.sent[job_id].plan, tasks, outcome, evidence.ledger.get(job_id, {}))


def _check_tasks(
    plan: PlannedJob, tasks: Mapping[str, BatchTask], outcome: Json, ledger: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    if outcome["state"] == "cancelled":
        return
    for name, code in plan.exit_codes.items():
        noted, task = ledger.get(name, []), tasks.get(name)
        if code is None:
            if noted:
                yield f"task {name} of {plan.job_id} ran, but it waits for a task that failed"
        elif task is None or task.exit_code != code:
            yield f"task {name} of {plan.job_id} ended as {task}, not with exit code {code}"
        elif not noted or noted[-1] != str(code):
            yield f"task {name} of {plan.job_id} notes {noted}, not its end with exit code {code}"


def _count(tasks: Mapping[str, BatchTask]) -> Json:
    states = Counter(task.state for task in tasks.values())
    results = Counter(task.result for task in tasks.values() if task.state == "completed")
    return {
        "active": states["active"],
        "running": states["preparing"] + states["running"],
        "completed": states["completed"],
        "succeeded": results["success"],
        "failed": results["failure"],
    }


def check_the_results(evidence: Evidence) -> Iterator[str]:
    """Each file that a result lists is there, with the content that the task wrote."""
    for job_id, files in evidence.files.items():
        for name, content in files.items():
            if content is None:
                yield f"{job_id} lists the result {name}, which is not there"
        plan = evidence.sent[job_id].plan
        if evidence.outcomes[job_id]["state"] != "succeeded":
            continue
        for name, text in plan.results.items():
            if files.get(name) != text.encode():
                yield f"the result {name} of {job_id} is {files.get(name)!r}, not {text!r}"


def check_the_callbacks(evidence: Evidence) -> Iterator[str]:
    """Each callback was accepted. All calls of a job have the same id and body, which is the result."""
    for job in jobs(evidence):
        job_id, calls = job.plan.job_id, evidence.callbacks.get(job.plan.job_id, [])
        if job.plan.receiver is None:
            if calls:
                yield f"{job_id} has no callback, but sent {len(calls)}"
            continue
        if not any(call.is_accepted for call in calls):
            yield f"no callback of {job_id} was accepted, of {len(calls)}"
        if len({call.webhook_id for call in calls}) > 1:
            yield f"{job_id} sent callbacks with several ids: {sorted({call.webhook_id for call in calls})}"
        if len({call.body for call in calls}) > 1:
            yield f"{job_id} sent callbacks with {len({call.body for call in calls})} different bodies"
        if any(len(call.body) > LARGEST_CALLBACK for call in calls):
            yield f"{job_id} sent a callback above {LARGEST_CALLBACK} bytes"
        outcome = evidence.outcomes.get(job_id) or job.first_end
        if calls and outcome is not None and json.loads(calls[-1].body)["Output"] != outcome:
            yield f"the callback of {job_id} does not say what its result says"
    for job_id in evidence.callbacks.keys() - {job.plan.job_id for job in jobs(evidence)}:
        yield f"{job_id} is no job, but sent a callback"


def check_the_webhooks(evidence: Evidence) -> Iterator[str]:
    """Each selected event has arrived, first in order. A batch that comes again is the same."""
    for job_id, events in evidence.events.items():
        calls = evidence.webhooks.get(job_id, ())
        if evidence.sent[job_id].plan.webhook is None:
            if calls:
                yield f"{job_id} has no webhook, but sent it {len(calls)} batches"
            continue
        arrived = [event for call in calls if call.is_accepted for event in json.loads(call.body)]
        first = list({event["id"]: event for event in arrived}.values())
        wanted = [event for event in events if _is_selected(event["type"].removeprefix("batchmgr."))]
        if first != wanted:
            numbers = [[int(event["sequence"]) for event in some] for some in (first, wanted)]
            yield f"the webhook of {job_id} has got the events {numbers[0]}, not {numbers[1]}"
        bodies = defaultdict(set)
        for call in calls:
            bodies[call.webhook_id].add(call.body)
        for name, different in bodies.items():
            if len(different) > 1:
                yield f"the webhook of {job_id} was sent {len(different)} batches as {name}"


def _is_selected(name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in WEBHOOK_EVENTS)


def check_the_events(evidence: Evidence) -> Iterator[str]:
    """Each event is once in the log, in order, without gaps. Each state and each end of a task has one."""
    for job_id, events in evidence.events.items():
        repeated = [name for name, times in Counter(event["id"] for event in events).items() if times > 1]
        if repeated:
            yield f"the log of {job_id} has events more than once: {repeated}"
        sequences = [int(event["sequence"]) for event in events]
        if sequences != list(range(1, len(events) + 1)):
            yield f"the log of {job_id} has the sequences {sequences}"
        for event in events:
            if len(json.dumps(event).encode()) > LARGEST_EVENT:
                yield f"the event {event['id']} is above {LARGEST_EVENT} bytes"
        yield from _check_state_events(job_id, evidence.outcomes[job_id]["state"], events)
        if evidence.outcomes[job_id]["state"] != "rejected":
            yield from _check_task_events(job_id, evidence.batch_tasks.get(job_id, {}), events)


def _check_state_events(job_id: str, state: str, events: Sequence[Json]) -> Iterator[str]:
    types = Counter(event["type"].removeprefix("batchmgr.") for event in events)
    for name in ("queued", "submitting", "running", "finalizing", *_FINAL):
        if types[f"job.{name}"] > 1:
            yield f"{job_id} has the event job.{name} {types[f'job.{name}']} times"
    ends = [name for name in _FINAL if types[f"job.{name}"]]
    if ends != [state]:
        yield f"{job_id} is {state}, but its last events are {ends}"
    elif events[-1]["type"] != f"batchmgr.job.{state}":
        yield f"the last event of {job_id} is {events[-1]['type']}"


def _check_task_events(job_id: str, tasks: Mapping[str, BatchTask], events: Sequence[Json]) -> Iterator[str]:
    said: dict[str, list[str]] = defaultdict(list)
    for event in events:
        if event["type"] in {"batchmgr.task.succeeded", "batchmgr.task.failed"}:
            said[event["data"]["taskId"]].append(event["type"])
    for name, task in tasks.items():
        kind = {"success": "batchmgr.task.succeeded", "failure": "batchmgr.task.failed"}.get(
            task.result or ""
        )
        wanted = [kind] if task.state == "completed" and kind else []
        if said[name] != wanted:
            yield f"task {name} of {job_id} is {task}, but its events are {said[name]}"


def check_the_progress_queue(evidence: Evidence) -> Iterator[str]:
    """Each message of the progress queue is an event of the log. Not all arrive: the queue is deleted."""
    known = {event["id"]: event for events in evidence.events.values() for event in events}
    gone = {f"jobs/{job_id}" for job_id, job in evidence.sent.items() if job.plan.is_fleeting}
    for event in evidence.progress:
        if "/".join(event.get("subject", "").split("/")[:2]) in gone:
            continue
        if known.get(event["id"]) != event:
            yield f"the progress queue had the event {event['id']}, which the log has otherwise or not at all"


def check_azure_batch(evidence: Evidence) -> Iterator[str]:
    """No Batch job is left active, or belongs to nobody. Each job that ran has one."""
    for job_id, state in evidence.batch_states.items():
        if job_id not in {job.plan.job_id for job in jobs(evidence)}:
            yield f"there is a Batch job {job_id}, but no such job was sent"
        elif state != "completed":
            yield f"the Batch job {job_id} is {state}"
    for job_id, outcome in evidence.outcomes.items():
        never = outcome["state"] in {"rejected", "cancelled"}
        if not never and job_id not in evidence.batch_states:
            yield f"{job_id} is {outcome['state']}, but has no Batch job"


def check_the_deletions(evidence: Evidence) -> Iterator[str]:
    """Nothing is left of the jobs that asked for it, and they ended as they must before they were deleted."""
    for job_id, places in evidence.kept.items():
        yield f"of {job_id} something is left: {', '.join(places)}"
    for job in jobs(evidence):
        if job.plan.is_fleeting and job.first_end is None:
            yield f"{job.plan.job_id} was deleted before its caller could see its end"


def check_what_is_left(evidence: Evidence) -> Iterator[str]:
    """No job is active, and no message is in a poison queue that the plan does not account for."""
    for name in evidence.active:
        yield f"{name} is still in the index of active jobs"
    wanted = [job for job in evidence.sent.values() if job.plan.is_poison]
    due = Counter({job.text: job.plan.copies for job in wanted})
    for queue, texts in evidence.poison.items():
        for text in texts:
            if _refers_to_a_deleted_job(evidence, text):
                continue  # a message that a killed host had taken has come back
            if queue != "batchmgr-job-requests-poison" or text not in due:
                yield f"the queue {queue} has the message {text[:200]}"
    found = Counter(evidence.poison.get("batchmgr-job-requests-poison", ()))
    for job in wanted:
        if found[job.text] < due[job.text]:
            times = f"{found[job.text]} times, not {due[job.text]} times"
            yield f"{job.plan.job_id} is in the poison queue {times}"
    if evidence.health != 200:
        yield f"GET /health answers {evidence.health}"


def _refers_to_a_deleted_job(evidence: Evidence, text: str) -> bool:
    for body in (text.encode(), base64.b64decode(text) if _is_base64(text) else b""):
        try:
            named = json.loads(body)
        except ValueError:
            continue
        if isinstance(named, dict) and named.keys() == {"storedJobId"}:
            job = evidence.sent.get(named["storedJobId"])
            return job is not None and job.plan.is_fleeting
    return False


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except ValueError:
        return False
    return True


def check_the_sizes(evidence: Evidence) -> Iterator[str]:
    """No record is above its limit."""
    for name, size in evidence.record_sizes.items():
        if size > LARGEST_RECORD:
            yield f"the record of {name} has {size} bytes"


def check_the_secrets(evidence: Evidence) -> Iterator[str]:
    """No secret is in a log, an event, an answer, or in a blob or queue where it does not belong."""
    yield from evidence.leaks


def check_the_problems(evidence: Evidence) -> Iterator[str]:
    """No caller got a wrong answer, and no process ended by itself, but for hosts without storage."""
    yield from evidence.problems


CHECKS: tuple[Callable[[Evidence], Iterator[str]], ...] = (
    check_that_each_job_has_ended,
    check_the_truth,
    check_the_results,
    check_the_callbacks,
    check_the_webhooks,
    check_the_events,
    check_the_progress_queue,
    check_azure_batch,
    check_the_deletions,
    check_what_is_left,
    check_the_sizes,
    check_the_secrets,
    check_the_problems,
)


def failures(evidence: Evidence) -> list[str]:
    """Return everything that is wrong."""
    return [failure for check in CHECKS for failure in check(evidence)]


def seconds_to_callback(evidence: Evidence) -> dict[str, float]:
    """Return how long after a job's last event its callback was accepted, by job."""
    waits = {}
    for job_id, events in evidence.events.items():
        accepted = [call.at for call in evidence.callbacks.get(job_id, ()) if call.is_accepted]
        if accepted and events:
            ended = datetime.fromisoformat(events[-1]["time"]).timestamp()
            waits[job_id] = max(0.0, min(accepted) - ended)
    return waits
