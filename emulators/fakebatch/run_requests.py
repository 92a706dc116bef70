"""The orders for the executor, made of what the service knows."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from fakebatch.bodies.shared_properties import UNLIMITED
from fakebatch.execution.executor_port import Instance, Order, RunKey, RunKind
from fakebatch.model.application_packages import ApplicationPackage, Applications
from fakebatch.model.job_entity import JobEntity
from fakebatch.model.node_entity import NodeEntity
from fakebatch.model.task_entity import TaskEntity
from fakebatch.store import JobRecord, PoolRecord

START_TASK_ID: Final = "startup"


def _packages_of(
    applications: Applications, references: Iterable[Mapping[str, Any]] | None
) -> tuple[ApplicationPackage, ...]:
    """Return the packages that references name; those that name none are left out."""
    found = [applications.find(reference) for reference in references or ()]
    return tuple(package for package in found if package is not None)


def _pool_packages(applications: Applications, pool: PoolRecord) -> tuple[ApplicationPackage, ...]:
    """Return the packages that each node of a pool has."""
    return _packages_of(applications, pool.pool.spec.get("applicationPackageReferences"))


def task_order(
    applications: Applications, record: JobRecord, task: TaskEntity, pool: PoolRecord, nodes: list[NodeEntity]
) -> Order:
    """Return the order for a task on its nodes, the first of which is the primary."""
    references = task.spec.get("applicationPackageReferences")
    is_multi = "multiInstanceSettings" in task.spec
    return Order(
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


def start_order(applications: Applications, pool: PoolRecord, node: NodeEntity) -> Order:
    """Return the order for the start task of a node."""
    spec = dict(node.start_spec or {})
    spec["constraints"] = {
        "maxWallClockTime": UNLIMITED,
        "maxTaskRetryCount": spec.get("maxTaskRetryCount", 0),
    }
    return _node_order("start", applications, pool, node, {"id": START_TASK_ID, **spec})


def preparation_order(
    applications: Applications, record: JobRecord, pool: PoolRecord, node: NodeEntity
) -> Order:
    """Return the order to prepare a node for a job."""
    return _node_order(
        "preparation", applications, pool, node, record.job.spec["jobPreparationTask"], record.job
    )


def release_order(applications: Applications, record: JobRecord, pool: PoolRecord, node: NodeEntity) -> Order:
    """Return the order to release a node from a job. It is not retried."""
    spec = record.job.spec["jobReleaseTask"]
    constraints = {"maxWallClockTime": spec["maxWallClockTime"], "maxTaskRetryCount": 0}
    return _node_order("release", applications, pool, node, {**spec, "constraints": constraints}, record.job)


def _node_order(
    kind: RunKind,
    applications: Applications,
    pool: PoolRecord,
    node: NodeEntity,
    spec: Mapping[str, Any],
    job: JobEntity | None = None,
) -> Order:
    return Order(
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


def preparation_key(record: JobRecord, node_id: str) -> RunKey:
    """Return the key of the preparation of a node for a job."""
    task_id = record.job.spec["jobPreparationTask"]["id"]
    return RunKey("preparation", record.job.id.lower(), task_id.lower(), node_id)
