"""Plans as the control plane makes them: completed and checked."""

from batchmgr.plan.finalize_task import complete_draft
from batchmgr.plan.job_plan import JobDraft, JobPlan
from batchmgr.plan.plan_rules import plan_problems


def complete(job_id: str, draft: JobDraft, finalize_message: str) -> JobPlan:
    """Return the plan of the job. Raise InvalidJobError for the first rule that it breaks."""
    plan = complete_draft(job_id, draft, finalize_message)
    for problem in plan_problems(plan):
        raise problem
    return plan
