"""What follows when a task ends, for its job and for the tasks that depend on it (`exitConditions`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fakebatch.model.run_result import RunResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Consequence:
    """What follows when a task ends.

    `job_action` is none, disable or terminate. `satisfies` is True if the task's dependents may run.
    """

    job_action: str
    satisfies: bool


def consequence(conditions: Mapping[str, Any], result: RunResult) -> Consequence:
    """Return what follows from a run's result under the task's `exitConditions` (empty if it has none)."""
    options = _options(conditions, result)
    succeeded = result.exit_code == 0 and result.failure is None
    return Consequence(
        job_action=options.get("jobAction", "none" if succeeded else "terminate"),
        satisfies=options.get("dependencyAction", "satisfy" if succeeded else "block") == "satisfy",
    )


def _options(conditions: Mapping[str, Any], result: RunResult) -> Any:
    """Return the exit options that apply: those for the exit code, else for the stage, else the default."""
    code = result.exit_code
    if code is not None:
        for mapping in conditions.get("exitCodes", ()):
            if mapping["code"] == code:
                return mapping["exitOptions"]
        for mapping in conditions.get("exitCodeRanges", ()):
            if mapping["start"] <= code <= mapping["end"]:
                return mapping["exitOptions"]
    if result.failure is None:
        return {}
    default = conditions.get("default", {})
    by_stage = {"upload": "fileUploadError", "preparation": "preProcessingError"}
    return conditions.get(by_stage.get(result.stage, "default"), default)
