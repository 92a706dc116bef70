"""What a job waits for: what hinders its next step, or what does not come by itself."""

from datetime import datetime
from enum import StrEnum

import msgspec

from batchmgr.model.size_limits import MESSAGE, NAME, cut_fields

QUOTA_REACHED = "ActiveJobAndScheduleQuotaReached"
"""Azure Batch's code for an account that has as many active jobs as it may."""


class WaitingFor(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Why a job does not go on: a code for programs, a sentence for people, and what they can do.

    `place` is its place in the line of jobs that wait for the quota: 1 is next. 0 if that is not known.
    """

    code: str
    reason: str
    advice: str
    since: datetime
    place: int = 0


LISTING_BLOBS = "ListingBlobs"


def listing_blobs(container: str, listed: int, found: int, since: datetime) -> WaitingFor:
    """Return that the blobs of a job are being listed: `listed` so far, of which `found` match."""
    return WaitingFor(
        code=LISTING_BLOBS,
        reason=f"batchmgr lists the blobs of container {container!r}: {listed:,} so far, and {found:,} of "
        "them match",
        advice="Wait. It is quicker with a longer prefix.",
        since=since,
    )


class Watch(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """When the poller last looked why a job does not move, and since when it has found a reason each time.

    `stalled_since` is None while tasks run, or no reason is known.
    """

    looked_at: datetime | None = None
    stalled_since: datetime | None = None


class ObstacleKind(StrEnum):
    """What kind of thing keeps a step of a job from being done.

    `Busy`: a service has no time. `Quota`: Azure Batch takes no more active jobs, and the job stands in line
    with others. `NoAccess`: the app has no token or no role, or does
    not reach the service. `JobNotFound`: Azure Batch says that it does not have the Batch job.
    `InternalError`: batchmgr itself has failed.
    """

    BUSY = "Busy"
    QUOTA = "Quota"
    NO_ACCESS = "NoAccess"
    JOB_NOT_FOUND = "JobNotFound"
    INTERNAL_ERROR = "InternalError"


ADVICE = {
    ObstacleKind.BUSY: "Wait: batchmgr tries again for as long as it takes. If a quota is used up, raise it.",
    ObstacleKind.QUOTA: "Wait: the job is let in when its turn comes and a job ends. Or raise the quota.",
    ObstacleKind.NO_ACCESS: "Give the app the access that the reason names, or make the service reachable.",
    ObstacleKind.JOB_NOT_FOUND: "Wait: batchmgr asks again. If the Batch job is gone, the job has failed.",
    ObstacleKind.INTERNAL_ERROR: "Wait: batchmgr tries again. Search the app's log for the id of the job.",
}
"""What people can do about an obstacle."""


class Obstacle(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Why the next step of a job can't be done, since when, and how often it was tried.

    The next try is due at `retry_at`. A step that succeeds removes the obstacle.
    """

    kind: ObstacleKind
    code: str
    reason: str
    since: datetime
    tries: int
    retry_at: datetime

    def __post_init__(self) -> None:
        """Cut texts that are too long."""
        cut_fields(self, {"code": NAME, "reason": MESSAGE})

    @property
    def waiting_for(self) -> WaitingFor:
        """Return what people are told of it."""
        return WaitingFor(code=self.code, reason=self.reason, advice=ADVICE[self.kind], since=self.since)


def quota_obstacle(now: datetime, reason: str) -> Obstacle:
    """Return the obstacle of a job that joins the line of jobs that wait for the quota."""
    kind = ObstacleKind.QUOTA
    return Obstacle(kind=kind, code=QUOTA_REACHED, reason=reason, since=now, tries=1, retry_at=now)
