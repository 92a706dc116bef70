"""Create the run requests for the executor, from jobs, tasks, pools and nodes."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from fakebatch.bodies.shared_properties import UNLIMITED
from fakebatch.execution.executor_port import Instance, RunKey, RunKind, RunRequest
from fakebatch.model.application_packages import ApplicationPackage, Applications
from fakebatch.model.job_entity import JobEntity
from fakebatch.model.node_entity import NodeEntity
from fakebatch.model.task_entity import TaskEntity
from fakebatch.stored_job import StoredJob
from fakebatch.stored_pool import StoredPool

START_TASK_ID: Final = "startup"


def _packages_of(
    applications: Applications, references: Iterable[Mapping[str, Any]] | None
) -> tuple[ApplicationPackage, ...]:
    """Return the packages that references name. Unknown ones are left out."""
    found = [applications.find(reference) for reference in references or ()]
    return tuple(package for package in found if package is not None)


def _pool_packages(applications: Applications, pool: StoredPool) -> tuple[ApplicationPackage, ...]:
    """Return the packages of each node of a pool."""
    return _packages_of(applications, pool.pool.spec.get("applicationPackageReferences"))


def task_request(
    applications: Applications, record: StoredJob, task: TaskEntity, pool: StoredPool, nodes: list[NodeEntity]
) -> RunRequest:
    """Return the request to run a task on its nodes. The first node is the primary."""
    references = task.spec.get("applicationPackageReferences")
    is_multi = "multiInstanceSettings" in task.spec
    return RunRequest(
        job_id=record.job.id,
        task_id=task.id,
        pool_id=pool.pool.id,
        node_id=nodes[0].id,
        dedicated=nodes[0].dedicated,
        spec=task.spec,
        job_spec=record.job.spec,
        packages=_pool_packages(applications, pool) + _packages_of(applications, references),
        instances=tuple(Instance(node.id, node.address) for node in nodes) if is_multi else (),
    )


def start_task_request(applications: Applications, pool: StoredPool, node: NodeEntity) -> RunRequest:
    """Return the request to run the start task of a node."""
    spec = dict(node.start_spec or {})
    spec["constraints"] = {
        "maxWallClockTime": UNLIMITED,
        "maxTaskRetryCount": spec.get("maxTaskRetryCount", 0),
    }
    return _node_request("start", applications, pool, node, {"id": START_TASK_ID, **spec})


def preparation_request(
    applications: Applications, record: StoredJob, pool: StoredPool, node: NodeEntity
) -> RunRequest:
    """Return the request to run the preparation task of a job on a node."""
    return _node_request(
        "preparation", applications, pool, node, record.job.spec["jobPreparationTask"], record.job
    )


def release_request(
    applications: Applications, record: StoredJob, pool: StoredPool, node: NodeEntity
) -> RunRequest:
    """Return the request to run the release task of a job on a node. It is not retried."""
    spec = record.job.spec["jobReleaseTask"]
    constraints = {"maxWallClockTime": spec["maxWallClockTime"], "maxTaskRetryCount": 0}
    return _node_request(
        "release", applications, pool, node, {**spec, "constraints": constraints}, record.job
    )


def _node_request(
    kind: RunKind,
    applications: Applications,
    pool: StoredPool,
    node: NodeEntity,
    spec: Mapping[str, Any],
    job: JobEntity | None = None,
) -> RunRequest:
    return RunRequest(
        kind=kind,
        job_id="" if job is None else job.id,
        task_id=spec["id"],
        pool_id=pool.pool.id,
        node_id=node.id,
        dedicated=node.dedicated,
        spec=spec,
        job_spec={} if job is None else job.spec,
        packages=_pool_packages(applications, pool),
    )


def preparation_key(record: StoredJob, node_id: str) -> RunKey:
    """Return the key of the preparation task of a job on a node."""
    task_id = record.job.spec["jobPreparationTask"]["id"]
    return RunKey("preparation", record.job.id.lower(), task_id.lower(), node_id)
