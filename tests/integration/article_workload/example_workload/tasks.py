"""What runs on the nodes."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, TypedDict

from batchmgr import FinalizeTask, InvalidInputError, WorkloadTask, WorkloadTaskBuilder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from batchmgr import TaskContext

logger = logging.getLogger(__name__)


class ExampleWorkloadInputs(TypedDict):
    """What the job manager tells a task."""

    input_example: str


class ExampleWorkloadTask(WorkloadTask[ExampleWorkloadInputs]):
    """Appends its input to a text."""

    separator = ", "

    def run(self) -> None:
        """Read `data/text.txt`; write `out/text.txt`."""
        directory = self.context.working_directory
        text = (directory / "data" / "text.txt").read_text(encoding="utf-8")
        if not text:
            raise InvalidInputError("The text is empty: give one that holds a word.")
        self.report_progress(0.5, f"has read {len(text)} characters")
        (directory / "out").mkdir(exist_ok=True)
        whole = f"{text}{self.separator}{self.inputs['input_example']}"
        (directory / "out" / "text.txt").write_text(whole, encoding="utf-8")
        self.publish_result({"characters": len(whole)})
        self.report_progress(1, "is done")
        logger.info("Wrote %d characters", len(whole))


class ExampleWorkloadTaskBuilder(WorkloadTaskBuilder):
    """Gives the task more than its inputs."""

    def build(
        self, task_type: type[WorkloadTask[Any]], inputs: Mapping[str, Any], context: TaskContext
    ) -> WorkloadTask[Any]:
        """The task, with a separator."""
        task = super().build(task_type, inputs, context)
        if isinstance(task, ExampleWorkloadTask):
            task.separator = "; "
        return task


class ExampleFinalizeTask(FinalizeTask):
    """Tells how the tasks ended, and what they left."""

    def run(self) -> None:
        """Write `summary.json`."""
        summary = {
            task.id: {
                "name": task.display_name,
                "succeeded": task.has_succeeded,
                "state": task.state,
                "exitCode": task.exit_code,
                "left": [output.url.partition("?")[0].rpartition("/")[2] for output in task.outputs],
            }
            for task in self.manifest.tasks
        }
        file = self.context.working_directory / "summary.json"
        file.write_text(json.dumps(summary, indent=2), encoding="utf-8")
        self.publish_result({"tasks": len(summary)})
