"""What the end of a task means for its job and for the tasks that depend on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fakebatch.model.run_result import RunResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Consequence:
    """`job_action` is none, disable or terminate; `satisfies` tells whether dependents may go on."""

    job_action: str
    satisfies: bool


def consequence(conditions: Mapping[str, Any], outcome: RunResult) -> Consequence:
    """Return what follows from an outcome under the task's `exitConditions` (empty: none were given)."""
    options = _options(conditions, outcome)
    succeeded = outcome.exit_code == 0 and outcome.failure is None
    return Consequence(
        job_action=options.get("jobAction", "none" if succeeded else "terminate"),
        satisfies=options.get("dependencyAction", "satisfy" if succeeded else "block") == "satisfy",
    )


def _options(conditions: Mapping[str, Any], outcome: RunResult) -> Any:
    """Return the exit options that hold: by exit code first, then by stage, then the default."""
    code = outcome.exit_code
    if code is not None:
        for mapping in conditions.get("exitCodes", ()):
            if mapping["code"] == code:
                return mapping["exitOptions"]
        for mapping in conditions.get("exitCodeRanges", ()):
            if mapping["start"] <= code <= mapping["end"]:
                return mapping["exitOptions"]
    if outcome.failure is None:
        return {}
    default = conditions.get("default", {})
    by_stage = {"upload": "fileUploadError", "preparation": "preProcessingError"}
    return conditions.get(by_stage.get(outcome.stage, "default"), default)
