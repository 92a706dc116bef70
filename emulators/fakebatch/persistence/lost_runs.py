"""What is lost when the machines of the service are off for a while: all that ran on them."""

from dataclasses import replace

from fakebatch.model import node_entity as nodes
from fakebatch.model import subtask as subtasks
from fakebatch.model import task_entity as tasks
from fakebatch.model.preparation_and_release_status import PreparationAndReleaseStatus
from fakebatch.model.run_result import ended
from fakebatch.store import JobRecord, Store


def lose_runs(store: Store, now: int) -> None:
    """Bring a store, as it was when all runs were lost, to where the service can go on.

    Tasks that ran are queued again, or are over where their job is; what a node was doing for itself or for a
    job is as if it had not begun. Files and what is known of nodes stay.
    """
    for pool in store.pools:
        for node in pool.nodes:
            pool.nodes.put(node.id, nodes.stopped(node, now))
    for record in store.jobs:
        for key in list(record.running):
            _lose(record, record.tasks[key], now)
        for visit in list(record.visits.values()):
            record.put_visit(_without_runs(visit))


def _lose(record: JobRecord, task: tasks.TaskEntity, now: int) -> None:
    if task.id.lower() in record.subtasks:
        left = record.subtasks[task.id.lower()]
        record.put_subtasks(task.id, [subtasks.finished(subtask, ended(), now) for subtask in left])
    is_over = record.job.is_over
    record.put(tasks.completed(task, ended(), now) if is_over else tasks.requeued(task, now))


def _without_runs(visit: PreparationAndReleaseStatus) -> PreparationAndReleaseStatus:
    preparation, release = visit.preparation, visit.release
    return replace(
        visit,
        preparation=preparation if preparation is not None and preparation.is_over else None,
        release=release if release is not None and release.is_over else None,
    )
