"""Which jobs somebody asks for."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from batchmgr.model.job_entry import JobEntry, ListPart
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_states import JobState
from batchmgr.plan.ids import job_key


@dataclass(frozen=True, kw_only=True)
class JobQuery:
    """What the jobs have in common: all of it holds for each.

    `prefix` is how their ids begin, in any case. They were created at `since` or later, and before `until`.
    """

    states: frozenset[JobState] = frozenset(JobState)
    workload: str | None = None
    prefix: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    since: datetime | None = None
    until: datetime | None = None

    @property
    def parts(self) -> Collection[ListPart]:
        """Return the parts of the list of jobs in which such jobs are."""
        return sorted({ListPart.of(state) for state in self.states})

    @property
    def is_selective(self) -> bool:
        """Return whether most entries of these parts may be others."""
        return bool(self.workload is not None or self.prefix or self.metadata or self.until)

    def may_match(self, entry: JobEntry) -> bool:
        """Return whether the job of an entry can be meant. Its state is its record's to say."""
        if not job_key(entry.job_id).startswith(job_key(self.prefix)):
            return False
        if self.until is not None and entry.created_at >= self.until:
            return False
        if None not in (self.workload, entry.workload) and self.workload != entry.workload:
            return False
        return entry.metadata is None or self.metadata.items() <= entry.metadata.items()

    def is_over(self, entry: JobEntry) -> bool:
        """Return whether this entry, and all that come after it, are too old."""
        return self.since is not None and entry.created_at < self.since

    def matches(self, record: JobRecord) -> bool:
        """Return whether a job is meant whose entry may match."""
        has_workload = self.workload is None or record.workload == self.workload
        has_metadata = self.metadata.items() <= record.metadata.items()
        return record.state in self.states and has_workload and has_metadata
