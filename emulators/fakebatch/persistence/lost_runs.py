"""Handle the runs that were lost when the service was stopped or killed."""

from dataclasses import replace

from fakebatch.model import node_entity as nodes
from fakebatch.model import subtask as subtasks
from fakebatch.model import task_entity as tasks
from fakebatch.model.preparation_and_release_status import PreparationAndReleaseStatus
from fakebatch.model.run_result import ended
from fakebatch.store import Store
from fakebatch.stored_job import StoredJob


def requeue_lost_runs(store: Store, now: int) -> None:
    """Update a restored store as if all machines had been switched off.

    Tasks that were running are queued again, or completed if their job is over. Start, preparation and
    release tasks that had not ended start over. Files and the state of nodes stay.
    """
    for pool in store.pools:
        for node in pool.nodes:
            pool.nodes.put(node.id, nodes.stopped(node, now))
    for record in store.jobs:
        for key in list(record.running):
            _lose(record, record.tasks[key], now)
        for status in list(record.node_statuses.values()):
            record.put_node_status(_without_runs(status))


def _lose(record: StoredJob, task: tasks.TaskEntity, now: int) -> None:
    if task.id.lower() in record.subtasks:
        left = record.subtasks[task.id.lower()]
        record.put_subtasks(task.id, [subtasks.finished(subtask, ended(), now) for subtask in left])
    is_over = record.job.is_over
    record.put(tasks.completed(task, ended(), now) if is_over else tasks.requeued(task, now))


def _without_runs(status: PreparationAndReleaseStatus) -> PreparationAndReleaseStatus:
    preparation, release = status.preparation, status.release
    return replace(
        status,
        preparation=preparation if preparation is not None and preparation.is_over else None,
        release=release if release is not None and release.is_over else None,
    )
