"""What one use case knows of a job, for the next one in the same call: that one need not read it again."""

from dataclasses import dataclass

from batchmgr.model.job_record import JobRecord
from batchmgr.plan.job_plan import JobPlan
from batchmgr.ports import Ports, Versioned
from batchmgr.steps.outbox import load
from batchmgr.wire.job_message import JobMessage


@dataclass
class KnownJob:
    """The record as it was read or saved last, the request, and the plan; None for what is not known.

    The record counts once. If somebody else has saved it since, the first save shows that, and the use case
    that is repeated then loads it. The request never changes, and the plan follows from it.
    """

    job: Versioned[JobRecord] | None = None
    message: JobMessage | None = None
    plan: JobPlan | None = None

    async def load(self, ports: Ports, job_id: str) -> Versioned[JobRecord]:
        """Return the record. Its outbox may hold events: the next commit publishes them.

        Raise JobNotFoundError if there is none.
        """
        job, self.job = self.job, None
        return job or await load(ports, job_id)

    async def load_request(self, ports: Ports, job_id: str) -> JobMessage:
        """Return the stored request. Raise JobNotFoundError if there is none."""
        if self.message is None:
            self.message = await ports.jobs.load_request(job_id)
        return self.message
