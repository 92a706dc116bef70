"""The JSON of the runs of start tasks, job preparation tasks and job release tasks."""

from typing import Any

from fakebatch.model.job_entity import JobEntity, directory
from fakebatch.model.node_run import NodeRun
from fakebatch.model.preparation_and_release_status import PreparationAndReleaseStatus
from fakebatch.wire import timestamps


def run_view(run: NodeRun, root: dict[str, Any] | None = None, *, retries: bool = True) -> dict[str, Any]:
    """Return the JSON of a run. `root` holds the properties that say where its files are."""
    shown: dict[str, Any] = {
        "startTime": timestamps.to_iso(run.started_at),
        "endTime": None if run.ended_at is None else timestamps.to_iso(run.ended_at),
        "state": "completed" if run.is_over else "running",
        **(root or {}),
        "exitCode": run.exit_code,
        "containerInfo": None if run.container is None else run.container.view(),
        "failureInfo": None if run.failure is None else run.failure.view(),
    }
    if retries:
        shown["retryCount"] = run.retries
        shown["lastRetryTime"] = None if run.last_retry_at is None else timestamps.to_iso(run.last_retry_at)
    if run.is_over:
        shown["result"] = "success" if run.failure is None else "failure"
    return {name: value for name, value in shown.items() if value is not None}


def preparation_and_release_status_view(
    visit: PreparationAndReleaseStatus, job: JobEntity, base: str
) -> dict[str, Any]:
    """Return the JSON of the status of a job's preparation and release tasks on a node."""
    node_url = f"{base}/pools/{visit.pool_id}/nodes/{visit.node_id}"
    view: dict[str, Any] = {"poolId": visit.pool_id, "nodeId": visit.node_id, "nodeUrl": node_url}
    if visit.preparation is not None:
        root = _root(job, job.spec["jobPreparationTask"]["id"], node_url)
        view["jobPreparationTaskExecutionInfo"] = run_view(visit.preparation, root)
    if visit.release is not None:
        root = _root(job, job.spec["jobReleaseTask"]["id"], node_url)
        view["jobReleaseTaskExecutionInfo"] = run_view(visit.release, root, retries=False)
    return view


def _root(job: JobEntity, task_id: str, node_url: str) -> dict[str, Any]:
    root = f"{directory(job.id)}/{task_id}"
    return {"taskRootDirectory": root, "taskRootDirectoryUrl": f"{node_url}/files/{root}"}
