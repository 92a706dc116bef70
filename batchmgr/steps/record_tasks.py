"""Records the tasks of a plan while they are made: each is checked, written to a file and forgotten."""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import replace
from tempfile import TemporaryFile

from batchmgr.errors import InvalidJobError
from batchmgr.plan.container_rules import DEFAULT_RULES, ContainerRules
from batchmgr.plan.job_plan import TaskPlan, outputs_of
from batchmgr.plan.problems import MAX_PROBLEMS, raise_problems
from batchmgr.plan.rules_between_tasks import RulesBetweenTasks
from batchmgr.plan.task_options import NO_ACTION
from batchmgr.plan.task_rules import task_problems
from batchmgr.steps.kept_tasks import KeptTasks
from batchmgr.wire.kept_plan import NOT_A_LEAF, encode_task, leaf_mark

LARGE = 100_000
"""A task of fewer bytes can't be larger on its way to Azure Batch than Azure Batch accepts."""

FILE_BYTES = 600
"""How many bytes a file takes more there: the URL of its container with a signature."""


class TaskRecorder:
    """Writes tasks to a temporary file. 100,000 of them take what their ids take.

    Afterwards `examples` stand for all tasks where the job as a whole is concerned, and `leaves` are the ids
    of those that no other task waits for.
    """

    def __init__(self, job_id: str, containers: ContainerRules = DEFAULT_RULES) -> None:
        self._containers = containers
        self._between = RulesBetweenTasks(job_id)
        self._seen: set[object] = set()
        self._largest = LARGE
        self._job_id = job_id
        self.examples: tuple[TaskPlan, ...] = ()

    @property
    def leaves(self) -> tuple[str, ...]:
        """The ids of the tasks that no other task waits for."""
        return self._between.leaves

    def record(self, tasks: Iterable[TaskPlan]) -> KeptTasks:
        """Return the same tasks, from the file. Raise InvalidJobError for the first rules that they break."""
        file, ends, end = TemporaryFile(), array("Q"), 0  # noqa: SIM115 - the tasks close it
        kept = KeptTasks(file, ends)
        examples: list[TaskPlan] = []
        problems: list[InvalidJobError] = []
        for index, task in enumerate(tasks):
            problems.extend(self._problems(task, f"tasks[{index}]"))
            if len(problems) >= MAX_PROBLEMS:
                break
            line = encode_task(task)
            end += len(line)
            ends.append(end)
            file.write(line)
            if self._is_unlike(task, len(line)):
                examples.append(replace(task, depends_on=()))
        file.flush()
        raise_problems(problems or self._between.end(kept))
        for place in self._between.awaited_places:
            file.seek(leaf_mark(ends[place]))
            file.write(NOT_A_LEAF)
        file.flush()
        self.examples = tuple(examples)
        return kept

    def _problems(self, task: TaskPlan, field: str) -> Iterator[InvalidJobError]:
        yield from task_problems(task, field)
        for name, files in task.files.items():
            yield from self._containers.file_problems(self._job_id, files, f"{field}.{name}")
        yield from self._between.add(task)

    def _is_unlike(self, task: TaskPlan, size: int) -> bool:
        """Return whether the task has something that matters to the whole job, and no task before had."""
        sent = size + FILE_BYTES * (len(task.input_files) + len(task.output_files))
        is_larger = sent > self._largest
        if is_larger:
            self._largest = sent
        before = len(self._seen)
        self._seen.update(self._traits(task))
        return is_larger or len(self._seen) > before

    def _traits(self, task: TaskPlan) -> Iterator[object]:
        """Yield what the rules on a whole job and the properties of its plan look at."""
        yield "slots", task.required_slots
        yield "instances", task.number_of_instances, task.multi_instance_settings is None
        yield "container", task.container_settings
        yield from task.needs
        common = task.multi_instance_settings.common_input_files if task.multi_instance_settings else ()
        for file in (*task.input_files, *common):
            if file.http_url and file.identity_reference:  # all others are in the needs
                yield "identity", file.identity_reference
        if task.exit_conditions is not None:
            for options in task.exit_conditions.all_options:
                yield "acts", options.job_action != NO_ACTION
        yield "result", any(outputs_of(self._job_id, task))
        yield "result files", bool(task.result_files)
