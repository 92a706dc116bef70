"""The plan of a storm: which jobs are sent and which troubles strike, and when. Drawn from a seed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

from tests.storm.job_kinds import (
    FAILING_RECEIVERS,
    GENTLE_RECEIVERS,
    WEIGHTS,
    Fate,
    PlannedJob,
    draw_job,
    draw_twin,
)
from tests.storm.trouble_kinds import Trouble, draw_troubles

SECONDS_A_JOB = 1.0
LEAST_SECONDS = 20.0
FLEETING = 0.6
WITH_WEBHOOK = 0.6
KEPT, SHORTLY = "PT45S", "PT8S"
SHORT_SECONDS = 8.0
SHORT_KINDS = (
    "succeeding",
    "chain",
    "partial",
    "sweep",
    "cancelled",
    "timed_out",
    "missing_pool",
    "invalid",
    "garbage",
    "twin",
)
"""The jobs of a short storm, one of each kind."""


@dataclass(frozen=True, kw_only=True)
class StormOptions:
    """What the storm is drawn from. `is_short`: a gentle storm of some seconds, for `make test`."""

    seed: int
    jobs: int = 60
    seconds: float | None = None
    hosts: int = 2
    is_short: bool = False


@dataclass(frozen=True, kw_only=True)
class StormPlan:
    """What happens in a storm that lasts for `seconds`. The same options give the same plan."""

    options: StormOptions
    seconds: float
    jobs: Sequence[PlannedJob]
    troubles: Sequence[Trouble]

    def lines(self) -> Iterator[str]:
        """Yield the plan for people, in order of time."""
        entries = [(job.at, f"job {job.describe()}") for job in self.jobs]
        entries += [(trouble.at, trouble.describe()) for trouble in self.troubles]
        for at, text in sorted(entries):
            yield f"{at:7.1f} s  {text}"


def draw_plan(options: StormOptions) -> StormPlan:
    """Return the plan of a storm. Jobs and troubles are drawn independently of each other."""
    kinds = SHORT_KINDS if options.is_short else _draw_kinds(Random(f"{options.seed}/kinds"), options.jobs)
    longest = SHORT_SECONDS if options.is_short else max(LEAST_SECONDS, SECONDS_A_JOB * len(kinds))
    seconds = options.seconds or longest
    jobs = _draw_jobs(Random(f"{options.seed}/jobs"), kinds, seconds, is_short=options.is_short)
    troubles = draw_troubles(
        Random(f"{options.seed}/troubles"),
        seconds,
        hosts=options.hosts,
        is_short=options.is_short,
    )
    chance = Random(f"{options.seed}/fleeting")
    share, kept = (1.0, SHORTLY) if options.is_short else (FLEETING, KEPT)
    jobs = list(_with_fleeting(chance, jobs, share, kept))
    jobs = list(_with_webhooks(Random(f"{options.seed}/webhooks"), jobs, is_short=options.is_short))
    return StormPlan(options=options, seconds=seconds, jobs=jobs, troubles=troubles)


def _with_fleeting(
    random: Random, jobs: Sequence[PlannedJob], share: float, kept: str
) -> Iterator[PlannedJob]:
    """Let some jobs ask that nothing of them is kept.

    A caller without an answer sends a job again: these must be kept for longer than he takes. A message of
    the queue may come again ten minutes later, so these jobs are sent over HTTP. Their callbacks are the
    evidence.
    """
    originals = {job.original for job in jobs}
    for job in jobs:
        may_go = job.by == "http" and job.fate is Fate.JOB and job.receiver is not None and job.text is None
        may_go = may_go and job.copies == 1 and job.cancel_after is None and job.job_id not in originals
        if may_go and random.random() < share:
            job = replace(job, message={**job.message, "retentionTime": kept}, is_fleeting=True)
        yield job


def _with_webhooks(random: Random, jobs: Sequence[PlannedJob], *, is_short: bool) -> Iterator[PlannedJob]:
    """Let jobs have a webhook whose log stays, and whose content no other message must have."""
    originals = {job.original for job in jobs}
    treatments = GENTLE_RECEIVERS if is_short else FAILING_RECEIVERS
    for job in jobs:
        may_have = job.fate is Fate.JOB and job.text is None and not job.is_fleeting
        may_have = may_have and job.original is None and job.job_id not in originals
        if may_have and random.random() < (1.0 if is_short else WITH_WEBHOOK):
            job = replace(job, webhook=random.choices(treatments, k=random.randint(0, 1 if is_short else 3)))
        yield job


def _draw_kinds(random: Random, count: int) -> Sequence[str]:
    """Return each kind once, as far as there are enough jobs, and then kinds by their weight."""
    once = list(WEIGHTS)
    random.shuffle(once)
    more = random.choices(list(WEIGHTS), list(WEIGHTS.values()), k=max(0, count - len(once)))
    return [*once, *more][:count]


def _draw_jobs(
    random: Random, kinds: Sequence[str], seconds: float, *, is_short: bool
) -> Sequence[PlannedJob]:
    """Draw the jobs. Those of a short storm are sent in its first half, so that it ends soon."""
    jobs: list[PlannedJob] = []
    latest = seconds / 2 if is_short else seconds
    for number, kind in enumerate(sorted(kinds, key=lambda kind: kind == "twin"), 1):
        at = round(random.uniform(0, latest), 1)
        job_id = f"{kind.replace('_', '-')}-{number}"
        if kind != "twin":
            jobs.append(draw_job(kind, random, job_id, at, is_short=is_short))
        elif originals := [job for job in jobs if job.may_have_twin]:
            jobs.append(draw_twin(random, random.choice(originals), job_id, at))
    return jobs
