"""Run the tasks of jobs: occupy their nodes, and decide what follows when a run ends."""

from collections.abc import Callable
from dataclasses import replace

from fakebatch.active_runs import Disposition, Handle
from fakebatch.engine_context import EngineContext
from fakebatch.execution.executor_port import RunRequest, task_key
from fakebatch.failure_info import FailureInfo
from fakebatch.model import node_entity as nodes
from fakebatch.model import subtask as subtasks
from fakebatch.model import task_entity as tasks
from fakebatch.model.node_entity import NodeEntity
from fakebatch.model.run_result import RunResult, ended, failed_before_command
from fakebatch.model.subtask import Subtask
from fakebatch.model.task_entity import Placement, TaskEntity
from fakebatch.model.task_requirements import requirements_of
from fakebatch.preparation_and_release import PreparationAndRelease
from fakebatch.run_requests import task_request
from fakebatch.stored_job import StoredJob
from fakebatch.stored_pool import StoredPool
from fakebatch.wire import service_clock


class TaskRunner:
    """Runs tasks on nodes. `complete(record, task, outcome)` is called for each task that won't run again."""

    def __init__(
        self,
        context: EngineContext,
        preparations: PreparationAndRelease,
        complete: Callable[[StoredJob, TaskEntity, RunResult], None],
    ) -> None:
        self._context = context
        self._preparations = preparations
        self._complete = complete

    def start(self, record: StoredJob, task: TaskEntity, pool: StoredPool, chosen: list[NodeEntity]) -> None:
        """Start a task on the nodes chosen for it. The first node is the primary."""
        now = service_clock.now()
        request = task_request(self._context.applications, record, task, pool, chosen)
        where = Placement(pool_id=pool.pool.id, node_id=request.node_id)
        delay = self._context.delays.scheduling_s()
        if delay or self._preparations.must_wait(record, request.node_ids):
            record.put(tasks.placed(task, where, now))
        else:
            record.put(tasks.started(task, where, now))
        need = requirements_of(task)
        for number, node in enumerate(chosen):
            here = (record.job.id, task.id, number)
            pool.nodes.put(node.id, nodes.occupied(node, here, need.slots, now, exclusive=need.exclusive))
        if request.instances:
            placed = [
                Subtask(
                    number=number,
                    placement=Placement(pool_id=request.pool_id, node_id=instance.node_id),
                    placed_at=now,
                )
                for number, instance in enumerate(request.instances[1:], start=1)
            ]
            record.put_subtasks(task.id, placed)
            request = replace(request, subtask_ended=_subtask_reporter(record, task))
        runs, executor = self._context.runs, self._context.executor
        if delay and _needs_only_its_node(record, request):
            runs.start_later(delay, request, executor, self._on_end, lambda: _begin(record, task.id))
        elif not (
            _needs_only_its_node(record, request) and runs.start_timed(request, executor, self._on_end)
        ):
            runs.start(request, self._carry_out(record, request, delay), self._on_end)

    def end(self, record: StoredJob, task_id: str, disposition: Disposition) -> Handle | None:
        """Kill the run of a task, if it has one. The handle is done when none of its processes runs."""
        return self._context.runs.end(task_key(record.job.id, task_id), disposition)

    def end_all(self, record: StoredJob, disposition: Disposition) -> None:
        """Kill all runs of the tasks of a job."""
        for task_id in list(record.running):
            self.end(record, task_id, disposition)

    async def _carry_out(self, record: StoredJob, request: RunRequest, delay: float) -> RunResult | None:
        if delay:
            await service_clock.sleep(delay)
        if not await self._preparations.prepare_nodes(record, request):
            return None
        task, now = _begin(record, request.task_id), service_clock.now()
        if request.instances:
            placed = record.subtasks[task.id.lower()]
            record.put_subtasks(task.id, [subtasks.started(subtask, now) for subtask in placed])
        for reference in request.spec.get("applicationPackageReferences", ()):
            if self._context.applications.find(reference) is None:
                return failed_before_command(_no_default(reference["applicationId"]))
        return await self._context.executor.run(request)

    def _on_end(
        self, request: RunRequest, outcome: RunResult | None, disposition: Disposition | None
    ) -> None:
        record = self._context.store.jobs[request.job_id]
        task = record.tasks[request.task_id]
        now = service_clock.now()
        retries = outcome is not None and outcome.is_retryable and task.retries_left and disposition is None
        completes = not retries and (outcome is not None or disposition is Disposition.TERMINATED)
        self._leave_nodes(request, task, outcome, now, completes=completes)
        for subtask in record.subtasks.get(request.task_id.lower(), ()):
            _finish(record, task, subtask.number, outcome or ended())
        if disposition is Disposition.DISCARDED:
            record.remove(task)
        elif completes:
            self._complete(record, task, outcome or ended())
        elif retries:
            record.put(tasks.awaiting_retry(task, now))
        elif disposition is Disposition.REQUEUED:
            record.put(tasks.requeued(task, now))
        else:
            record.put(tasks.returned_to_queue(task, now))
        self._context.wake()

    def _leave_nodes(
        self, request: RunRequest, task: TaskEntity, outcome: RunResult | None, now: int, *, completes: bool
    ) -> None:
        pool = self._context.store.pools[request.pool_id]
        succeeded = outcome is not None and outcome.failure is None
        for number, node_id in enumerate(request.node_ids):
            left = nodes.released(
                pool.nodes[node_id],
                (request.job_id, task.id, number),
                task.slots,
                now,
                completed=completes,
                succeeded=succeeded,
            )
            pool.nodes.put(node_id, left)


def _begin(record: StoredJob, task_id: str) -> TaskEntity:
    """Let a task run if it was being prepared on its node, and return it."""
    task = record.tasks[task_id]
    if task.state == "preparing" and task.placement is not None:
        record.put(tasks.started(task, task.placement, service_clock.now()))
    return task


def _needs_only_its_node(record: StoredJob, request: RunRequest) -> bool:
    """Return whether a run can start without any preparation."""
    has_more = request.instances or "applicationPackageReferences" in request.spec
    return not has_more and "jobPreparationTask" not in record.job.spec


def _subtask_reporter(record: StoredJob, task: TaskEntity) -> Callable[[int, RunResult], None]:
    return lambda number, outcome: _finish(record, task, number, outcome)


def _finish(record: StoredJob, task: TaskEntity, number: int, outcome: RunResult) -> None:
    found = list(record.subtasks[task.id.lower()])
    found[number - 1] = subtasks.finished(found[number - 1], outcome, service_clock.now())
    record.put_subtasks(task.id, found)


def _no_default(application_id: str) -> FailureInfo:
    message = "One of the specified application packages has no default version"
    return FailureInfo("ApplicationPackageNotFound", message, (("ApplicationId", application_id),))
