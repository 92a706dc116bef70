"""How the tasks of a job have ended: each one; or all with success, if that is known without a list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from batchmgr.model.batch_snapshots import TaskSnapshot
from batchmgr.plan.file_specifications import OutputFileSpecification


@dataclass(frozen=True, kw_only=True)
class TaskEnds:
    """The tasks of a job that has ended. If `all_succeeded` is known, they are not listed."""

    listed: Sequence[TaskSnapshot] = ()
    all_succeeded: bool = False

    def may_have_left(self, task_id: str, file: OutputFileSpecification) -> bool:
        """Return whether a planned task has left this file if it wrote it. That depends on how it ended."""
        if self.all_succeeded:
            return True
        task = self._ended.get(task_id)
        return task is not None and (task.has_succeeded or file.upload_condition == "taskCompletion")

    @cached_property
    def _ended(self) -> Mapping[str, TaskSnapshot]:
        return {task.task_id: task for task in self.listed if task.state == "completed"}
