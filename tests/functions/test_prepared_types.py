"""msgspec builds what it needs for a type at its first use, not safely in threads: so at import."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.functions.app import ROOT

DECODERS = {"decode", "_decode", "decode_stored", "convert"}

STRESS = """
import json, os, sys, threading
sys.path.insert(0, os.getcwd())
import function_app
from batchmgr.adapters import batch_responses, blob_event_log, blob_job_store
from batchmgr.adapters.workload_registry import WorkloadRegistry
from batchmgr.model.cloud_event import Event
from batchmgr.model.job_record import JobRecord
from batchmgr.steps.check_message import check_message
from batchmgr.steps.expand_factory import expand_provisionally
from batchmgr.steps.plan_job import decode_tasks, plan_job
from batchmgr.wire.job_message import decode_job
import msgspec

FILE = {"containerName": "inputs", "sourceBlobPath": "a", "targetFilePath": "b"}
EXIT = {"exitCodes": [{"code": 3, "exitOptions": {"jobAction": "none"}}]}
TASK = {"id": "a", "commandLine": "true", "inputFiles": [FILE], "exitConditions": EXIT}
REPEAT = {"commandLine": "true"}
SWEEP = {"type": "parametricSweep", "parameters": {"n": {"start": 1, "end": 3}}, "repeatTask": REPEAT}
JOBS = [
    json.dumps({"jobId": "a", "tasks": [TASK], "jobPreparationTask": {"commandLine": "true"}}).encode(),
    json.dumps({"jobId": "b", "taskFactory": SWEEP}).encode(),
]
NOW = "2026-01-01T00:00:00Z"
RECORD = json.dumps(
    {"jobId": "a", "state": "queued", "workload": "", "digest": "", "createdAt": NOW, "updatedAt": NOW}
)
EVENT = json.dumps({"id": "a", "type": "t", "subject": "s", "time": NOW, "data": {}})

def plan(body):
    message = decode_job(body)
    check_message(message)
    tasks = message.task_factory and expand_provisionally("a", message.task_factory)
    plan_job("a", message, workloads=WORKLOADS, default_pool_id="p", factory_tasks=tasks)

CALLS = [
    *(lambda body=body: plan(body) for body in JOBS),
    lambda: msgspec.json.decode(RECORD, type=JobRecord),
    lambda: msgspec.json.decode(EVENT, type=Event),
    lambda: decode_tasks(json.dumps({"tasks": [TASK]}).encode()),
    lambda: msgspec.json.decode('{"state": "active"}', type=batch_responses.JobResponse),
    lambda: msgspec.json.decode('{"value": []}', type=batch_responses.TaskListResponse),
]
WORKLOADS = WorkloadRegistry({})

def attempt():
    failures = []
    barrier = threading.Barrier(2 * len(CALLS))
    def work(call):
        try:
            barrier.wait()
            call()
        except BaseException as error:
            failures.append(error)
    threads = [threading.Thread(target=work, args=(call,)) for call in CALLS * 2]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    os._exit(1 if failures else 0)

sys.setswitchinterval(1e-6)
bad = []
for _ in range(40):
    child = os.fork()  # a process in which nothing has been decoded yet
    if not child:
        attempt()
    status = os.waitpid(child, 0)[1]
    if status: bad.append(status)
print(len(bad))
"""


def decoded_types() -> Iterator[tuple[Path, str]]:
    """Every type that batchmgr names where it decodes or converts something with msgspec."""
    for path in (ROOT / "batchmgr").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in DECODERS or "msgspec.json.decode" in map(ast.unparse, node.args):
                by_keyword = [word.value for word in node.keywords if word.arg == "type"]
                for value in [*by_keyword, *node.args[1:2]]:
                    if isinstance(value, ast.Name) and value.id.lstrip("_")[:1].isupper():
                        yield path, value.id


def prepared_types(path: Path) -> set[str]:
    """The types that a module prepares when it is imported."""
    calls = [
        node.value
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ]
    return {
        argument.id
        for call in calls
        if getattr(call.func, "id", "") == "prepare"
        for argument in call.args
        if isinstance(argument, ast.Name)
    }


def test_every_type_that_is_decoded_is_prepared_at_import() -> None:
    found = list(decoded_types())
    assert {"JobMessage", "JobRecord", "Event", "TaskPlan", "JobSpecification"} <= {name for _, name in found}
    everywhere = set().union(*map(prepared_types, (ROOT / "batchmgr").rglob("*.py")))
    assert [(path.name, name) for path, name in found if name not in everywhere] == []


def test_the_first_plans_after_a_start_may_be_made_in_many_threads_at_once() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", STRESS], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.returncode) == ("0", 0), done.stderr
