"""What breaks something, and what the doctor is to say of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from batchmgr.doctor.finding import Status
from tests.doctor.conftest import Findings

T = TypeVar("T")
Step = Callable[[T], Awaitable[None] | None]
"""Changes a set-up, or an app in Azure."""


@dataclass(frozen=True, kw_only=True)
class Broken(Generic[T]):
    """How something is broken, what is to be said, and how the remedy is done, if it can be done here."""

    by: Step[T]
    check: str
    what: tuple[str, ...]
    remedy: tuple[str, ...]
    status: Status = Status.WRONG
    mend: Step[T] | None = None

    def check_told(self, findings: Findings) -> None:
        """Assert that it is told, with what mends it."""
        found = findings.of(self.check)
        told = f"{found.status} {found.what}\n{found.remedy}"
        assert found.status is self.status, told
        assert [part for part in self.what if part not in found.what] == [], told
        assert [part for part in self.remedy if part not in found.remedy] == [], told


async def carry_out(step: Step[T], subject: T) -> None:
    """Do a step, whether it has to be awaited or not."""
    made = step(subject)
    if isinstance(made, Awaitable):
        await made


def several(*steps: Step[T]) -> Step[T]:
    """Return the step that does all of these."""

    async def step(subject: T) -> None:
        for one in steps:
            await carry_out(one, subject)

    return step
