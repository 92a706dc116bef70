"""The `taskFactory` of a job message: one task for each combination of values, or for each blob."""

from decimal import Decimal
from typing import Literal, TypeAlias

from batchmgr.wire.task_message import Message, TaskTemplate, Text


class SweepParameter(Message, frozen=True):
    """The values of a parameter: the numbers from `start` to `end` in steps of `step`, or a list of `values`.

    `end` is included if a step meets it. Decimals are exact: 0.1 is 0.1. The default `step` is 1.
    """

    start: Decimal | None = None
    end: Decimal | None = None
    step: Decimal | None = None
    values: tuple[str | int | float, ...] | None = None


class ParametricSweep(Message, frozen=True, tag_field="type", tag="parametricSweep"):
    """One task for each combination of the parameters' values.

    `product` combines every value with every other; the last parameter changes first. `zip` takes the first
    value of every parameter, then the second of every parameter, and so on. The order of the parameters
    matters: `{0}` is the first.
    """

    parameters: dict[str, SweepParameter]
    repeat_task: TaskTemplate
    combine: Literal["product", "zip"] = "product"
    merge_task: TaskTemplate | None = None


class BlobSource(Message, frozen=True):
    """The blobs of a container whose names begin with `prefix` and match `pattern`. The default is all blobs.

    A pattern that contains a `/` is compared with the whole name, any other with the last part of the name.
    """

    container_name: Text
    prefix: str = ""
    pattern: str = ""
    storage_account_name: str = ""
    identity_reference: str = ""


class TaskPerFile(Message, frozen=True, tag_field="type", tag="taskPerFile"):
    """One task for each blob of a source. The blobs are listed once, when the job is submitted."""

    source: BlobSource
    repeat_task: TaskTemplate
    merge_task: TaskTemplate | None = None


TaskFactory: TypeAlias = ParametricSweep | TaskPerFile
