"""The `parametricSweep` factory: one task for each combination of its parameters' values.

The same factory always gives the same tasks.
"""

import re
from decimal import Decimal

from batchmgr.errors import InvalidJobError
from batchmgr.factories.factory_tasks import REPEAT_TASK, FactoryTasks, plan_merge_task, typical_rows
from batchmgr.factories.repeat_task import RepeatTask
from batchmgr.factories.sweep_rows import ProductRows, ZipRows, placeholders
from batchmgr.factories.sweep_values import check_combinations, count_range, range_values
from batchmgr.factories.typical_values import typical_values
from batchmgr.wire.factory_message import ParametricSweep, SweepParameter

PARAMETERS = "taskFactory.parameters"
_PARAMETER = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def sweep_tasks(job_id: str, factory: ParametricSweep) -> FactoryTasks:
    """Return the tasks of a sweep. Raise InvalidJobError, which names the field of the message."""
    parameters = parameter_values(factory)
    repeat_task = sweep_repeat_task(factory, job_id)
    merge_task = plan_merge_task(job_id, factory.merge_task)
    if factory.combine == "zip":
        zipped = ZipRows(parameters)
        return FactoryTasks(
            repeat_task, zipped, merge_task, typical_rows(repeat_task, zipped, tuple(parameters))
        )
    rows = ProductRows(parameters)
    typical = rows.places_of(map(typical_values, parameters.values())) if repeat_task.is_regular else ()
    return FactoryTasks(repeat_task, rows, merge_task, typical or range(len(rows)))


def sweep_repeat_task(factory: ParametricSweep, job_id: str = "") -> RepeatTask:
    """Return the parsed `repeatTask`. Its placeholders are the parameters, by index and by name."""
    return RepeatTask(
        factory.repeat_task,
        placeholders(factory.parameters),
        field=REPEAT_TASK,
        job_id=job_id,
        is_awaited=factory.merge_task is not None,
    )


def parameter_values(factory: ParametricSweep) -> dict[str, tuple[str, ...]]:
    """Return the values of each parameter, as texts. Raise InvalidJobError, which names the parameter."""
    check_parameters(factory)
    return {name: _values(parameter, name) for name, parameter in factory.parameters.items()}


def check_parameters(factory: ParametricSweep) -> None:
    """Raise InvalidJobError, which names the parameter, for the first rule that one breaks."""
    if not factory.parameters:
        raise InvalidJobError("must hold a parameter: without one the job has no tasks", field=PARAMETERS)
    for name in factory.parameters:
        if not _PARAMETER.fullmatch(name):
            raise InvalidJobError(
                "the name of a parameter begins with a letter and holds only letters, digits and _",
                field=f"{PARAMETERS}.{name}",
            )
    lengths = {name: _count(parameter, name) for name, parameter in factory.parameters.items()}
    check_combinations(lengths, is_product=factory.combine == "product", field=PARAMETERS)


def _values(parameter: SweepParameter, name: str) -> tuple[str, ...]:
    """Return the values of a parameter that was checked."""
    if parameter.values is not None:
        return tuple(map(str, parameter.values))
    return range_values(*_range(parameter, name), field=f"{PARAMETERS}.{name}")


def _count(parameter: SweepParameter, name: str) -> int:
    """Return how many values a parameter has. Raise InvalidJobError if it can't be used."""
    field = f"{PARAMETERS}.{name}"
    if parameter.values is not None:
        if not parameter.start is parameter.end is parameter.step is None:
            raise InvalidJobError("give either values, or start and end", field=field)
        if not parameter.values:
            raise InvalidJobError("must not be empty: the job would have no tasks", field=f"{field}.values")
        for index, value in enumerate(parameter.values):
            if "\0" in str(value):
                raise InvalidJobError("must not contain a NUL character", field=f"{field}.values[{index}]")
        return len(parameter.values)
    return count_range(*_range(parameter, name), field=field)


def _range(parameter: SweepParameter, name: str) -> tuple[Decimal, Decimal, Decimal]:
    """Return start, end and step."""
    if parameter.start is None or parameter.end is None:
        raise InvalidJobError("give values, or start and end", field=f"{PARAMETERS}.{name}")
    return parameter.start, parameter.end, Decimal(1) if parameter.step is None else parameter.step
