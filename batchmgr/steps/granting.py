"""Grant: the nodes of a job are let at the containers that its plan names, for as long as it may run."""

from datetime import timedelta

from batchmgr.batch_bodies.files import Grants
from batchmgr.plan.job_plan import JobPlan
from batchmgr.ports import Ports

SPARE_TIME = timedelta(days=1)
DEFAULT_LIFETIME = timedelta(days=7)


async def grant(ports: Ports, plan: JobPlan) -> Grants:
    """How the job's nodes reach each container."""
    lifetime = (plan.job.max_wall_clock_time or DEFAULT_LIFETIME) + SPARE_TIME
    return await ports.storage.grant(
        plan.container_needs, lifetime, nodes_have_identity=plan.job.auto_pool is None
    )
