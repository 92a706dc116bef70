"""Plans as the control plane makes them: completed and checked."""

from batchmgr.adapters.workload_registry import WorkloadRegistry
from batchmgr.plan.finalize_task import complete_draft
from batchmgr.plan.job_plan import JobDraft, JobPlan
from batchmgr.plan.plan_rules import plan_problems
from batchmgr.steps.expand_factory import expand_provisionally
from batchmgr.steps.plan_job import plan_job
from batchmgr.wire.job_message import JobMessage


def complete(job_id: str, draft: JobDraft, finalize_message: str) -> JobPlan:
    """Return the plan of the job. Raise InvalidJobError for the first rule that it breaks."""
    plan = complete_draft(job_id, draft, finalize_message)
    for problem in plan_problems(plan):
        raise problem
    return plan


def plan_factory(job_id: str, message: JobMessage) -> JobPlan:
    """Return the plan of a job with a taskFactory, as it is checked at acceptance."""
    assert message.task_factory is not None
    tasks = expand_provisionally(job_id, message.task_factory)
    return plan_job(job_id, message, workloads=WorkloadRegistry({}), default_pool_id="p", factory_tasks=tasks)
