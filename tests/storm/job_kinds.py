"""The kinds of jobs in a storm: the message of each, and how the job must end.

Each task writes to a ledger what it does: `began` when it begins, and its exit code before it ends. So the
checks know what happened without asking batchmgr or the fake Azure Batch.
"""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Any, Literal

from batchmgr.plan.ids import id_from_content

Json = dict[str, Any]

SPOT_POOL = "spot"
LEDGER = "STORM_LEDGER"
"""The environment variable that tells tasks the directory of their job's ledger."""

GENOME = "storm/genome.fa"
_FILE = f'f="${LEDGER}/$AZ_BATCH_TASK_ID"'
_ENDLESS_S = 600

FAILING_RECEIVERS = ("500", "503", "302", "cut", "late", "lost", "hang")
"""How a receiver may treat a call; see `CallbackReceiver`."""

GENTLE_RECEIVERS = ("500", "late", "lost")
"""Those that delay a callback by some seconds only."""


WEBHOOK_EVENTS = ("job.*", "task.succeeded", "task.failed")


class Fate(StrEnum):
    """What becomes of a message: a job with a record; an HTTP status; or it stays in the poison queue."""

    JOB = "becomes a job"
    KEPT = "is rejected, and stays in the poison queue"
    INVALID = "is answered with 400"
    CONFLICT = "is answered with 409"
    POISON = "goes to the poison queue"


@dataclass(frozen=True, kw_only=True)
class PlannedJob:
    """One job, or one message that is none.

    `message` lacks what is known only when it is sent: the ledger and the callback URI. `states` are those in
    which the job may end if nobody cancels it. `exit_codes` says how each task ends; None: it never runs.
    `receiver` is how the receiver treats the calls, one after the other; None: the job has no callback.
    `webhook` says the same of the job's webhook; None: it has none.
    `is_plain`: it is put on the queue as JSON, not in base64. `text` is what is sent in place of a message.
    """

    job_id: str
    kind: str
    at: float
    by: Literal["http", "queue"]
    message: Json
    fate: Fate = Fate.JOB
    states: frozenset[str] = frozenset({"succeeded"})
    exit_codes: Mapping[str, int | None] = field(default_factory=dict)
    results: Mapping[str, str] = field(default_factory=dict)
    cancel_after: float | None = None
    copies: int = 1
    delay: int = 0
    receiver: Sequence[str] | None = None
    webhook: Sequence[str] | None = None
    original: str | None = None
    is_plain: bool = False
    text: str | None = None
    is_fleeting: bool = False
    """Whether nothing of the job is kept after its end."""

    @property
    def has_record(self) -> bool:
        """Whether the message becomes a job, if only a rejected one."""
        return self.fate in {Fate.JOB, Fate.KEPT}

    @property
    def is_poison(self) -> bool:
        """Whether the message stays in the poison queue."""
        return self.fate in {Fate.POISON, Fate.KEPT}

    @property
    def may_have_twin(self) -> bool:
        """Whether another message with the same id can be told from this one."""
        return self.fate is Fate.JOB and self.kind not in {"invalid", "genome"}

    def describe(self) -> str:
        """Return the job in words."""
        parts = [f"{self.job_id} by {self.by}"]
        parts += ["as JSON"] if self.by == "queue" and self.is_plain else []
        parts += [f"{self.copies} times"] if self.copies > 1 else []
        parts += [f"visible after {self.delay} s"] if self.delay else []
        parts += [f"a twin of {self.original}"] if self.original else []
        parts += [f"cancelled after {self.cancel_after} s"] if self.cancel_after is not None else []
        parts += [f"receiver: {', '.join(self.receiver) or 'ready'}"] if self.receiver is not None else []
        parts += [f"webhook: {', '.join(self.webhook) or 'ready'}"] if self.webhook is not None else []
        parts += ["nothing of it is kept"] if self.is_fleeting else []
        return ", ".join(parts)


@dataclass(frozen=True, kw_only=True)
class _Draft:
    """What a kind decides: the message and the end of the job."""

    message: Json = field(default_factory=dict)
    states: frozenset[str] = frozenset({"succeeded"})
    exit_codes: Mapping[str, int | None] = field(default_factory=dict)
    results: Mapping[str, str] = field(default_factory=dict)
    cancel_after: float | None = None
    text: str | None = None


def draw_job(kind: str, random: Random, job_id: str, at: float, *, is_short: bool) -> PlannedJob:
    """Draw a job of this kind."""
    draft = _KINDS[kind](random)
    by: Literal["http", "queue"] = "queue" if draft.text is not None else random.choice(("http", "queue"))
    receiver = _draw_receiver(random, is_short=is_short)
    fate = Fate.JOB
    if draft.text is not None:
        fate, job_id = Fate.KEPT, id_from_content(draft.text.encode())
    elif kind == "invalid" and by == "http":
        fate = Fate.INVALID
    return PlannedJob(
        job_id=job_id,
        kind=kind,
        at=at,
        by=by,
        message={"jobId": job_id, **draft.message},
        fate=fate,
        states=draft.states,
        exit_codes=draft.exit_codes,
        results=draft.results,
        cancel_after=draft.cancel_after,
        copies=random.choices((1, 2, 3), (6, 3, 1))[0],
        delay=random.choices((0, random.randint(1, 2 if is_short else 8)), (3, 1))[0] if by == "queue" else 0,
        receiver=receiver if fate is Fate.JOB else None,
        is_plain=random.random() < 0.5,
        text=draft.text,
    )


def draw_twin(random: Random, original: PlannedJob, name: str, at: float) -> PlannedJob:
    """Draw a message with the id of another job and other content. It must not touch that job."""
    by: Literal["http", "queue"] = random.choice(("http", "queue"))
    return PlannedJob(
        job_id=name,
        kind="twin",
        at=max(at, original.at),
        by=by,
        message={"jobId": original.job_id, "tasks": [_task("other")], "metadata": {"twin": name}},
        fate=Fate.CONFLICT if by == "http" else Fate.POISON,
        original=original.job_id,
    )


def _draw_receiver(random: Random, *, is_short: bool) -> Sequence[str] | None:
    if random.random() < 0.15:
        return None
    failures = random.choices((0, 1, 2), (6, 3, 1))[0]
    if is_short:
        return random.choices(GENTLE_RECEIVERS, k=min(failures, 1))
    return random.choices(FAILING_RECEIVERS, k=failures)


def _task(task_id: str, *, seconds: float = 0, exit_code: int = 0, **fields: Any) -> Json:
    return {"id": task_id, "commandLine": _command(seconds, exit_code), **fields}


def _command(seconds: float = 0, exit_code: int = 0, then: str = "true") -> str:
    work = f"sleep {seconds}; {then}" if seconds else then
    return f"/bin/sh -c '{_FILE}; echo began >> $f; {work}; echo {exit_code} >> $f; exit {exit_code}'"


def _names(random: Random, most: int) -> list[str]:
    return [f"t{number}" for number in range(random.randint(1, most))]


def _quick(random: Random) -> float:
    return random.choice((0, 0.3, 1, 2.5))


def _succeeding(random: Random) -> _Draft:
    names = _names(random, 4)
    tasks = [_task(name, seconds=_quick(random)) for name in names]
    return _Draft(message={"tasks": tasks, "metadata": {"a": "b"}}, exit_codes=dict.fromkeys(names, 0))


def _failing(random: Random) -> _Draft:
    codes = {name: random.choice((1, 2, 3, 75, 139)) for name in _names(random, 3)}
    tasks = [_task(name, seconds=_quick(random), exit_code=code) for name, code in codes.items()]
    return _Draft(message={"tasks": tasks}, states=frozenset({"failed"}), exit_codes=codes)


def _partial(random: Random) -> _Draft:
    codes = {"good": 0, "bad": 1} | {name: random.choice((0, 3)) for name in _names(random, 3)}
    tasks = [_task(name, seconds=_quick(random), exit_code=code) for name, code in codes.items()]
    return _Draft(message={"tasks": tasks}, states=frozenset({"partial"}), exit_codes=codes)


def _chain(random: Random) -> _Draft:
    names = ["first", "second", "third"]
    tasks = [
        _task(name, seconds=_quick(random), dependsOn=names[:place][-1:]) for place, name in enumerate(names)
    ]
    return _Draft(message={"tasks": tasks}, exit_codes=dict.fromkeys(names, 0))


def _blocked(random: Random) -> _Draft:
    tasks = [
        _task("first", seconds=_quick(random)),
        _task("second", exit_code=1, dependsOn=["first"]),
        _task("third", dependsOn=["second"]),
        _task("fourth", dependsOn=["third", "first"]),
    ]
    codes = {"first": 0, "second": 1, "third": None, "fourth": None}
    return _Draft(message={"tasks": tasks}, states=frozenset({"partial"}), exit_codes=codes)


def _sweep(random: Random) -> _Draft:
    values = random.randint(2, 4)
    factory = {
        "type": "parametricSweep",
        "parameters": {
            "size": {"start": 1, "end": values},
            "mesh": {"values": ["coarse", "fine"]},
        },
        "repeatTask": {
            "commandLine": _command(_quick(random)),
            "environment": {"SIZE": "{size}", "MESH": "{mesh}"},
        },
        "mergeTask": {"commandLine": _command()},
    }
    names = [*(str(number) for number in range(1, 2 * values + 1)), "merge"]
    return _Draft(message={"taskFactory": factory}, exit_codes=dict.fromkeys(names, 0))


def _many(random: Random) -> _Draft:
    count = random.randint(101, 260)
    factory = {
        "type": "parametricSweep",
        "parameters": {"number": {"start": 1, "end": count}},
        "repeatTask": {"commandLine": _command(), "environment": {"NUMBER": "{number}"}},
    }
    names = [str(number) for number in range(1, count + 1)]
    return _Draft(message={"taskFactory": factory}, exit_codes=dict.fromkeys(names, 0))


def _files(random: Random) -> _Draft:
    text = f"{random.random()}"
    command = _command(_quick(random), then=f"echo {text} > out.txt")
    output = {"sourceFilePath": "out.txt", "targetBlobPath": "results/out.txt"}
    tasks = [{"id": "writer", "commandLine": command, "outputFiles": [output]}]
    return _Draft(
        message={"tasks": tasks}, exit_codes={"writer": 0}, results={"results/out.txt": f"{text}\n"}
    )


def _retried(random: Random) -> _Draft:
    script = f"{_FILE}; echo began >> $f; test -e $f.mark || {{ touch $f.mark; echo 1 >> $f; exit 1; }}"
    command = f"/bin/sh -c '{script}; echo 0 >> $f'"
    tasks = [{"id": "again", "commandLine": command, "maxTaskRetryCount": random.randint(1, 2)}]
    return _Draft(message={"tasks": tasks}, exit_codes={"again": 0})


def _preempted(random: Random) -> _Draft:
    names = _names(random, 3)
    tasks = [_task(name, seconds=random.choice((1, 3, 5))) for name in names]
    return _Draft(message={"tasks": tasks, "poolId": SPOT_POOL}, exit_codes=dict.fromkeys(names, 0))


def _timed_out(random: Random) -> _Draft:
    tasks = [_task("endless", seconds=_ENDLESS_S), _task("quick")]
    message = {"tasks": tasks, "maxWallClockTime": f"PT{random.randint(2, 4)}S"}
    return _Draft(message=message, states=frozenset({"timed_out"}))


def _cancelled(random: Random) -> _Draft:
    tasks = [_task("endless", seconds=_ENDLESS_S), _task("after", dependsOn=["endless"]), _task("quick")]
    return _Draft(
        message={"tasks": tasks},
        states=frozenset({"cancelled"}),
        cancel_after=random.choice((0, 0.5, 2, 4)),
    )


def _cancelled_late(random: Random) -> _Draft:
    tasks = [_task("quick", seconds=_quick(random)), _task("after", dependsOn=["quick"])]
    return _Draft(message={"tasks": tasks}, cancel_after=random.choice((0.5, 1, 2, 3, 4, 5)))


def _planned_on_node(random: Random) -> _Draft:
    names = _names(random, 3)
    planned = json.dumps({"tasks": [_task(name, seconds=_quick(random)) for name in names]})
    manager = {
        "commandLine": "/bin/sh -c 'printf %s \"$PLANNED\" > batchmgr-tasks.json'",
        "environment": {"PLANNED": planned},
    }
    return _Draft(
        message={"workload": "planned_elsewhere", "inputs": {}, "jobManagerTask": manager},
        exit_codes=dict.fromkeys(names, 0),
    )


def _genome(random: Random) -> _Draft:
    windows = random.randint(1, 3)
    return _Draft(
        message={"workload": "genome_kmers", "inputs": {"genome": GENOME, "k": 3, "windows": windows}}
    )


def _missing_pool(_: Random) -> _Draft:
    message = {"tasks": [_task("never")], "poolId": "there-is-no-such-pool"}
    return _Draft(message=message, states=frozenset({"rejected"}), exit_codes={"never": None})


def _invalid(random: Random) -> _Draft:
    wrong: Json = random.choice(
        (
            {"colour": "blue"},
            {"maxWallClockTime": "soon"},
            {"priority": 5000},
            {"tasks": [{"id": "t", "commandLine": "true", "dependsOn": ["nobody"]}]},
            {"metadata": {"a": 1}},
        )
    )
    return _Draft(
        message={"tasks": [_task("never")], **wrong},
        states=frozenset({"rejected"}),
        exit_codes={"never": None},
    )


def _garbage(random: Random) -> _Draft:
    unlike = random.randbytes(6)
    binary = base64.b64encode(b"\xff\xfe" + unlike).decode()
    text = random.choice((f"{{{unlike.hex()}", f"not JSON {unlike.hex()}", f'["{unlike.hex()}"]', binary))
    return _Draft(text=text, states=frozenset({"rejected"}))


_KINDS: Mapping[str, Callable[[Random], _Draft]] = {
    "succeeding": _succeeding,
    "failing": _failing,
    "partial": _partial,
    "chain": _chain,
    "blocked": _blocked,
    "sweep": _sweep,
    "many": _many,
    "files": _files,
    "retried": _retried,
    "preempted": _preempted,
    "timed_out": _timed_out,
    "cancelled": _cancelled,
    "cancelled_late": _cancelled_late,
    "planned_on_node": _planned_on_node,
    "genome": _genome,
    "missing_pool": _missing_pool,
    "invalid": _invalid,
    "garbage": _garbage,
}

WEIGHTS: Mapping[str, int] = {
    **dict.fromkeys(_KINDS, 2),
    "succeeding": 4,
    "cancelled": 4,
    "cancelled_late": 4,
    "many": 1,
    "genome": 1,
    "garbage": 1,
    "twin": 2,
}
"""How often each kind is drawn, compared with the others."""


def complete_message(job: PlannedJob, *, ledger: str, callback_uri: str, webhook_uri: str = "") -> Json:
    """Return the message as it is sent."""
    message = dict(job.message)
    if job.original is not None:
        return message
    message["environment"] = {LEDGER: ledger}
    if job.receiver is not None:
        message["callBackUri"] = callback_uri
    if job.webhook is not None:
        message["webhooks"] = [{"uri": webhook_uri, "events": list(WEBHOOK_EVENTS)}]
    return message
