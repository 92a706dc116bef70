"""Jobs as the HTTP API tells of them, of any size, the same each time."""

import heapq
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import msgspec

from batchmgr.model.batch_snapshots import TaskCounts
from batchmgr.model.time_left import time_left
from batchmgr.model.usage import KindUsage, Usage

Json = dict[str, Any]

STATES = ["running", "succeeded", "failed"]
TRACEBACK = """Traceback (most recent call last):
  File "/mnt/batch/tasks/workitems/kmers/job-1/count-3/wd/genome.py", line 41, in count
    raise ValueError(f"{sequence.name}: letter {letter!r} is no base")
ValueError: chr7: letter 'X' is no base
"""
STDERR = "reading chr7.fa\nchr7: letter 'X' is no base\n"


@dataclass(kw_only=True)
class SampleJob:
    """A job of `size` tasks. The first `ended` of them have ended, and `failed` of these have failed.

    `version` rises with each change: it is the ETag.
    """

    job_id: str
    size: int = 10
    ended: int | None = None
    failed: int = 0
    state: str = "running"
    nodes: int = 4
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC) - timedelta(hours=1))
    version: int = 1
    more: Json = field(default_factory=dict)
    usage: Json | None = None

    @property
    def is_final(self) -> bool:
        return self.state not in ("queued", "submitting", "running", "finalizing")

    @property
    def counts(self) -> Json:
        ended = self.size if self.ended is None else self.ended
        running = 0 if self.is_final else min(self.nodes * 4, self.size - ended)
        succeeded = ended - self.failed
        active = self.size - ended - running
        ended_as = {"completed": ended, "succeeded": succeeded, "failed": self.failed}
        return {"active": active, "running": running, **ended_as}

    def answer(self, base: str = "") -> Json:
        """The body of GET /jobs/{jobId}."""
        uri = f"{base}/jobs/{self.job_id}"
        return {
            "jobId": self.job_id,
            "state": self.state,
            "workload": "genome_kmers",
            "poolId": "hpc",
            "createdAt": text(self.created_at),
            "updatedAt": text(self.created_at + timedelta(seconds=self.length)),
            "metadata": {"project": "wheat"},
            "total": self.size,
            "counts": self.counts,
            "statusUri": uri,
            "resultUri": f"{uri}/result",
            "tasksUri": f"{uri}/tasks",
            "eventsUri": f"{uri}/events",
            "cancelUri": f"{uri}/cancel",
            **self.time_left,
            **self.more,
        }

    @property
    def time_left(self) -> Json:
        """When it will have ended, as the app finds it."""
        starts, ends = self.runs["start"], self.runs["end"]
        lengths = [end - start for start, end in zip(starts, ends, strict=True) if end is not None]
        if self.state != "running":
            return {}
        usage = Usage(kinds={"count": KindUsage(tasks=len(lengths), task_seconds=sum(lengths))})
        found = time_left(usage, msgspec.convert(self.counts, TaskCounts), datetime.now(UTC))
        return {} if found is None else {"timeLeft": msgspec.to_builtins(found)}

    @property
    def length(self) -> float:
        """Seconds from the beginning to the last end."""
        return max((end for end in self.runs["end"] if end is not None), default=60.0)

    @property
    def runs(self) -> Json:
        counts = self.counts
        return runs(self.size, counts["completed"], counts["running"], self.failed, self.nodes)

    def timeline(self, *, of_ends_only: bool = False) -> Json:
        """The body of GET /jobs/{jobId}/timeline. It may not have the tasks that run now."""
        made = self.runs
        if of_ends_only:
            ended = self.counts["completed"]
            made = {name: its if name == "lost" else its[:ended] for name, its in made.items()}
        as_of = max(self.length, *(one for one in made["start"] if one is not None), 1.0) + 30
        return {
            "jobId": self.job_id,
            "state": self.state,
            "asOf": text(self.created_at + timedelta(seconds=as_of)),
            "origin": text(self.created_at),
            "total": self.size,
            "kinds": ["count", "merge"],
            "nodes": [f"tvmps_{node:04x}_d" for node in range(self.nodes)],
            "states": STATES,
            "errors": ["ValueError", "FailureExitCode"],
            **made,
        }

    def task(self, task_id: str) -> Json | None:
        """The body of GET /jobs/{jobId}/tasks/{taskId}."""
        made = self.runs
        if task_id not in made["taskId"]:
            return None
        row = made["taskId"].index(task_id)
        state = STATES[made["state"][row]]
        at = self.created_at
        told: Json = {
            "taskId": task_id,
            "displayName": task_id,
            "kind": task_id.partition("-")[0],
            "state": "running" if state == "running" else "completed",
            "stateTransitionTime": text(at),
            "startTime": text(at + timedelta(seconds=made["start"][row])),
            "nodeId": f"tvmps_{made['node'][row]:04x}_d",
        }
        if state != "running":
            told["endTime"] = text(at + timedelta(seconds=made["end"][row]))
            told["result"] = "success" if state == "succeeded" else "failure"
            told["exitCode"] = made["exitCode"][row]
        if state == "failed":
            message = "chr7: letter 'X' is no base"
            written = {"traceback": TRACEBACK, "stderr": STDERR}
            told["error"] = {"type": "ValueError", "message": message, "category": "UserError", **written}
        return told

    def failures(self) -> Json:
        """The body of GET /jobs/{jobId}/failures."""
        made = self.runs
        groups = []
        messages = {"ValueError": "chr<n>: letter 'X' is no base", "FailureExitCode": "exit code 137: Killed"}
        for index, (error, message) in enumerate(messages.items()):
            tasks = [id_ for id_, its in zip(made["taskId"], made["error"], strict=True) if its == index]
            if tasks:
                groups.append(
                    {
                        "type": error,
                        "category": "UserError",
                        "message": message,
                        "count": len(tasks),
                        "firstTask": tasks[0],
                        "tasks": tasks[:5],
                        "exitCode": 1 if index == 0 else 137,
                        "traceback": TRACEBACK if index == 0 else "",
                        "stderr": STDERR if index == 0 else "Killed\n",
                        "firstAt": text(self.created_at + timedelta(minutes=3)),
                    }
                )
        return {"failed": self.failed, "groups": sorted(groups, key=lambda group: -group["count"])}

    def result(self) -> Json:
        """The body of GET /jobs/{jobId}/result."""
        uri = f"https://account.blob.core.windows.net/{self.job_id}/out/kmers.csv"
        about = {
            name: self.answer()[name]
            for name in ("jobId", "state", "workload", "total", "counts", "metadata")
        }
        return {
            **about,
            "error": None,
            "failedTasks": [],
            "results": [{"name": "out/kmers.csv", "uri": uri}],
            "taskResults": [{"taskId": "merge-0", "result": {"kmers": 4096}}],
        }


def text(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@cache
def runs(size: int, ended: int, running: int, failed: int, nodes: int) -> Json:
    """The columns of tasks that have started: each slot takes the next task when it is free."""
    draw = random.Random(size)
    slots = [(5.0 + draw.random() * 20, node) for node in range(nodes) for _ in range(4)]
    heapq.heapify(slots)
    columns: Json = {name: [] for name in ("taskId", "kind", "state", "node", "start", "end")}
    columns |= {name: [] for name in ("exitCode", "error", "retries", "requeues")}
    lost: Json = {name: [] for name in ("task", "node", "start", "end")}
    bad = {ended * (n + 1) // (failed + 1): n for n in range(failed)}
    for row in range(ended + running):
        free, node = heapq.heappop(slots)
        is_lost = row % 500 == 42
        if is_lost:
            for name, seen in zip(lost, (row, node, round(free, 3), round(free + 9, 3)), strict=True):
                lost[name].append(seen)
            free += 10
        end = free + draw.lognormvariate(3.0, 0.6)
        kind = 1 if row % 50 == 49 else 0
        state = 0 if row >= ended else 2 if row in bad else 1
        if state != 0:
            heapq.heappush(slots, (end + 0.3, node))
        error = -1 if state != 2 else 1 if bad[row] % 7 == 6 else 0
        ended_at = None if state == 0 else round(end, 3)
        exit_code = (None, 0, (1, 137)[error])[state]
        when = (round(free, 3), ended_at)
        values = (
            f"{('count', 'merge')[kind]}-{row}",
            kind,
            state,
            node,
            *when,
            exit_code,
            error,
            0,
            int(is_lost),
        )
        for name, value in zip(columns, values, strict=True):
            columns[name].append(value)
    return {**columns, "lost": lost}
