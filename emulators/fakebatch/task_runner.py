"""The runs of the tasks of jobs: how they take nodes, and what follows when they end."""

from collections.abc import Callable
from dataclasses import replace

from fakebatch.active_runs import Ending, Handle
from fakebatch.engine_context import Machinery
from fakebatch.execution.executor_port import Order, task_key
from fakebatch.failure_info import FailureInfo
from fakebatch.model import node_entity as nodes
from fakebatch.model import subtask as subtasks
from fakebatch.model import task_entity as tasks
from fakebatch.model.node_entity import NodeEntity
from fakebatch.model.run_result import RunResult, ended, failed_before_command
from fakebatch.model.subtask import Subtask
from fakebatch.model.task_entity import Placement, TaskEntity
from fakebatch.model.task_requirements import requirements_of
from fakebatch.preparation_and_release import Preparations
from fakebatch.run_requests import task_order
from fakebatch.store import JobRecord, PoolRecord
from fakebatch.wire import service_clock


class TaskRuns:
    """Runs tasks on nodes; `complete(record, task, outcome)` is called with each that is not to run again."""

    def __init__(
        self,
        machinery: Machinery,
        preparations: Preparations,
        complete: Callable[[JobRecord, TaskEntity, RunResult], None],
    ) -> None:
        self._machinery = machinery
        self._preparations = preparations
        self._complete = complete

    def start(self, record: JobRecord, task: TaskEntity, pool: PoolRecord, chosen: list[NodeEntity]) -> None:
        """Start a task on the nodes chosen for it, the first of which is the primary."""
        now = service_clock.now()
        order = task_order(self._machinery.applications, record, task, pool, chosen)
        where = Placement(pool_id=pool.pool.id, node_id=order.node_id)
        if self._preparations.are_needed(record, order.node_ids):
            record.put(tasks.placed(task, where, now))
        else:
            record.put(tasks.started(task, where, now))
        need = requirements_of(task)
        for number, node in enumerate(chosen):
            here = (record.job.id, task.id, number)
            pool.nodes.put(node.id, nodes.occupied(node, here, need.slots, now, exclusive=need.exclusive))
        if order.instances:
            placed = [
                Subtask(
                    number=number,
                    placement=Placement(pool_id=order.pool_id, node_id=instance.node_id),
                    placed_at=now,
                )
                for number, instance in enumerate(order.instances[1:], start=1)
            ]
            record.put_subtasks(task.id, placed)
            order = replace(order, subtask_ended=_subtask_reporter(record, task))
        runs, executor = self._machinery.runs, self._machinery.executor
        if not (_needs_only_its_node(record, order) and runs.begin(order, executor, self._ended)):
            runs.start(order, self._carry_out(record, order), self._ended)

    def end(self, record: JobRecord, task_id: str, ending: Ending) -> Handle | None:
        """Kill the run of a task, if it has one; what is returned is done once nothing of it runs."""
        return self._machinery.runs.end(task_key(record.job.id, task_id), ending)

    def end_all(self, record: JobRecord, ending: Ending) -> None:
        """Kill all runs of the tasks of a job."""
        for task_id in list(record.running):
            self.end(record, task_id, ending)

    async def _carry_out(self, record: JobRecord, order: Order) -> RunResult | None:
        if not await self._preparations.ready(record, order):
            return None
        task = record.tasks[order.task_id]
        now = service_clock.now()
        if task.state == "preparing" and task.placement is not None:
            record.put(tasks.started(task, task.placement, now))
        if order.instances:
            placed = record.subtasks[task.id.lower()]
            record.put_subtasks(task.id, [subtasks.started(subtask, now) for subtask in placed])
        for reference in order.spec.get("applicationPackageReferences", ()):
            if self._machinery.applications.find(reference) is None:
                return failed_before_command(_no_default(reference["applicationId"]))
        return await self._machinery.executor.run(order)

    def _ended(self, order: Order, outcome: RunResult | None, ending: Ending | None) -> None:
        record = self._machinery.store.jobs[order.job_id]
        task = record.tasks[order.task_id]
        now = service_clock.now()
        retries = outcome is not None and outcome.is_retryable and task.retries_left and ending is None
        completes = not retries and (outcome is not None or ending is Ending.TERMINATED)
        self._leave_nodes(order, task, outcome, now, completes=completes)
        for subtask in record.subtasks.get(order.task_id.lower(), ()):
            _finish(record, task, subtask.number, outcome or ended())
        if ending is Ending.DISCARDED:
            record.remove(task)
        elif completes:
            self._complete(record, task, outcome or ended())
        elif retries:
            record.put(tasks.awaiting_retry(task, now))
        elif ending is Ending.REQUEUED:
            record.put(tasks.requeued(task, now))
        else:
            record.put(tasks.returned_to_queue(task, now))
        self._machinery.wake()

    def _leave_nodes(
        self, order: Order, task: TaskEntity, outcome: RunResult | None, now: int, *, completes: bool
    ) -> None:
        pool = self._machinery.store.pools[order.pool_id]
        succeeded = outcome is not None and outcome.failure is None
        for number, node_id in enumerate(order.node_ids):
            left = nodes.released(
                pool.nodes[node_id],
                (order.job_id, task.id, number),
                task.slots,
                now,
                completed=completes,
                succeeded=succeeded,
            )
            pool.nodes.put(node_id, left)


def _needs_only_its_node(record: JobRecord, order: Order) -> bool:
    """Whether nothing is to be done before a run begins."""
    has_more = order.instances or "applicationPackageReferences" in order.spec
    return not has_more and "jobPreparationTask" not in record.job.spec


def _subtask_reporter(record: JobRecord, task: TaskEntity) -> Callable[[int, RunResult], None]:
    return lambda number, outcome: _finish(record, task, number, outcome)


def _finish(record: JobRecord, task: TaskEntity, number: int, outcome: RunResult) -> None:
    found = list(record.subtasks[task.id.lower()])
    found[number - 1] = subtasks.finished(found[number - 1], outcome, service_clock.now())
    record.put_subtasks(task.id, found)


def _no_default(application_id: str) -> FailureInfo:
    message = "One of the specified application packages has no default version"
    return FailureInfo("ApplicationPackageNotFound", message, (("ApplicationId", application_id),))
