"""The `taskFactory` of a job message: one task for each value of a sweep, or for each blob."""

from decimal import Decimal
from typing import Literal, TypeAlias

from batchmgr.wire.task_message import Message, TaskTemplate, Text


class SweepParameter(Message, frozen=True):
    """What a parameter runs through: the numbers from `start` to `end`, `step` apart, or `values`.

    `end` is included, if the steps meet it. Decimals are exact, as they are written.
    """

    start: Decimal | None = None
    end: Decimal | None = None
    step: Decimal | None = None
    values: tuple[str | int | float, ...] | None = None


class ParametricSweep(Message, frozen=True, tag_field="type", tag="parametricSweep"):
    """One task for each combination of the parameters' values.

    `product` combines each value with each, the last parameter changing first; `zip` takes the first of all,
    then the second of all, and so on. The order of the parameters counts: `{0}` is the first.
    """

    parameters: dict[str, SweepParameter]
    repeat_task: TaskTemplate
    combine: Literal["product", "zip"] = "product"
    merge_task: TaskTemplate | None = None


class BlobSource(Message, frozen=True):
    """The blobs of a container under a `prefix` whose names match a `pattern`; without them, all.

    A pattern without a `/` is compared with the last part of the name, another one with the whole name.
    """

    container_name: Text
    prefix: str = ""
    pattern: str = ""
    storage_account_name: str = ""
    identity_reference: str = ""


class TaskPerFile(Message, frozen=True, tag_field="type", tag="taskPerFile"):
    """One task for each blob of a source, as they are when the job is submitted."""

    source: BlobSource
    repeat_task: TaskTemplate
    merge_task: TaskTemplate | None = None


TaskFactory: TypeAlias = ParametricSweep | TaskPerFile
