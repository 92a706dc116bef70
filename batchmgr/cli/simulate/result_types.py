"""What `batchmgr simulate -o json` prints, as types. Times are in seconds, nodes in node hours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

KIND: Final = "batchmgr.simulation"
"""What the document is, so that no other file is taken for one."""

VERSION: Final = 1
"""Raised with each change that a reader of the document has to know."""


class SpreadAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The 10th, 50th and 90th percentile over the runs of a variant."""

    p10: float
    p50: float
    p90: float


class KindAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The tasks of one kind. `duration` is the distribution, and `failure` the share of runs that fail."""

    name: str
    tasks: int
    duration: str
    typical_seconds: float
    failure: float


class JobAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The job that was simulated."""

    name: str
    tasks: int
    kinds: Sequence[KindAnswer]


class AssumptionsAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What was assumed of nodes and of Azure Batch: a time or a distribution each."""

    resize: str
    boot: str
    start_task: str
    scheduling: str


class NodeHoursAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Node hours: all that were `held`, and what these are made of."""

    held: SpreadAnswer
    used: SpreadAnswer
    idle: SpreadAnswer
    boot: SpreadAnswer
    lost: SpreadAnswer


class SharesAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the node hours were for, as shares of those of a run."""

    used: SpreadAnswer
    idle: SpreadAnswer
    boot: SpreadAnswer
    lost: SpreadAnswer


class CostAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the time used costs, and the rest of the node hours, in the currency of the prices."""

    used: SpreadAnswer
    rest: SpreadAnswer


class WaitAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Percentiles of the time from when a task could run to when it did."""

    p50: SpreadAnswer
    p90: SpreadAnswer
    p99: SpreadAnswer


class CurvesAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Counts over time of the run in the middle: arrays of one length. `busy` nodes run tasks."""

    seconds: Sequence[float]
    waiting: Sequence[float]
    running: Sequence[float]
    nodes: Sequence[float]
    busy: Sequence[float]
    target: Sequence[float]


class VariantAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One pool. `best` says that no other pool takes both less time and less node hours, or money."""

    name: str
    best: bool
    ended: int
    runs: int
    makespan_seconds: SpreadAnswer
    lower_bound_seconds: SpreadAnswer
    list_scheduling_seconds: SpreadAnswer | None
    node_hours: NodeHoursAnswer
    shares: SharesAnswer
    cost: CostAnswer | None
    wait_seconds: WaitAnswer
    requeues: SpreadAnswer
    retries: SpreadAnswer
    evictions: SpreadAnswer
    failed_tasks: SpreadAnswer
    peak_nodes: SpreadAnswer
    warnings: Sequence[str]
    curves: CurvesAnswer


class PricesAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Prices of an hour of a node, and whether the table knows one for spot nodes."""

    currency: str
    region: str
    as_of: str
    vm_size: str
    dedicated: float | None
    spot: float | None


class RealCurvesAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Counts over time of a job that ran: how many tasks had ended, and on how many nodes tasks ran."""

    seconds: Sequence[float]
    ended: Sequence[float]
    busy: Sequence[float]


class PredictionAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The job of `--like` on its own pool: what was predicted, and what it took, or takes until now.

    `variant` has its `nodes` and `slots`. What is real is of the tasks that have ended.
    """

    job_id: str
    variant: str
    nodes: int
    slots: int
    predicted_seconds: SpreadAnswer
    real_seconds: float
    real_node_hours_used: float
    real_curves: RealCurvesAnswer
    has_ended: bool
    guesses: Sequence[str]


class ComparisonAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The whole document. `prices` are there if a table was given, `prediction` with `--like`."""

    kind: Literal["batchmgr.simulation"]
    version: Literal[1]
    job: JobAnswer
    assumptions: AssumptionsAnswer
    runs: int
    seed: int
    horizon_seconds: float
    variants: Sequence[VariantAnswer]
    prices: PricesAnswer | None = None
    prediction: PredictionAnswer | None = None
