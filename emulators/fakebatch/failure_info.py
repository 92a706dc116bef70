"""Why a task, a start task or a node failed."""

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class FailureInfo:
    """The reason for a failure. `code` is for programs, `message` and `details` (name, value) for people."""

    code: str
    message: str
    details: tuple[tuple[str, str], ...] = ()
    category: Literal["UserError", "ServerError"] = "UserError"

    def view(self) -> dict[str, Any]:
        """Return the JSON of the `failureInfo` property."""
        view: dict[str, Any] = {"category": self.category, "code": self.code, "message": self.message}
        if self.details:
            view["details"] = [{"name": name, "value": value} for name, value in self.details]
        return view
