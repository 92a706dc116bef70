"""Invariants that hold whatever users do and whatever happens to nodes and tasks, in any order."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fakebatch import task_scheduler
from fakebatch.bodies.job_bodies import accept_job
from fakebatch.bodies.pool_bodies import accept_pool
from fakebatch.bodies.task_bodies import accept_task
from fakebatch.engine import Engine
from fakebatch.errors import BatchError
from fakebatch.execution.executor_port import RunRequest, task_key
from fakebatch.failure_info import FailureInfo
from fakebatch.model import job_entity as jobs
from fakebatch.model import pool_entity as pools
from fakebatch.model import task_entity as tasks
from fakebatch.model.node_entity import NodeEntity, Phase
from fakebatch.model.run_result import exited, failed_before_command
from fakebatch.model.task_entity import TaskEntity
from fakebatch.model.task_requirements import requirements_of
from fakebatch.store import Store
from fakebatch.stored_job import StoredJob
from fakebatch.stored_pool import StoredPool
from fakebatch.wire import service_clock
from tests.fakebatch.manual_executor import ManualExecutor
from tests.number_of_examples import examples

_POOLS = ("many", "single")
_OPTIONS = st.sampled_from(["requeue", "terminate", "taskcompletion"])
_PICK = st.integers(0, 10**6)
_TURNS = 40
_RETRIES = 1


def _pool_body(pool_id: str) -> dict[str, Any]:
    body: dict[str, Any] = {"id": pool_id, "vmSize": "small", "targetDedicatedNodes": 2}
    if pool_id == "single":
        return body | {"enableInterNodeCommunication": True}
    start = {"commandLine": "true", "maxTaskRetryCount": _RETRIES}
    return body | {"targetLowPriorityNodes": 2, "taskSlotsPerNode": 2, "startTask": start}


class EngineMachine(RuleBasedStateMachine):
    """The engine with an executor whose runs end when a rule of the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.violations: list[str] = []
        self.loop = asyncio.new_event_loop()
        self.executor = ManualExecutor(self._check_start)
        self.store = Store()
        self.engine: Engine = self.turn(self._make_engine)
        self.ended: dict[tuple[str, str, int], int | None] = {}
        self.seen: dict[tuple[str, str, int], TaskEntity] = {}
        self.deleted: set[tuple[str, str, int]] = set()

    def turn(self, act: Callable[[], Any]) -> Any:
        """Run an action in the event loop, and wait until all its consequences have happened."""

        async def steps() -> Any:
            result = None
            with suppress(BatchError):
                result = act()
                if isinstance(result, Coroutine):
                    result = await result
            for _ in range(_TURNS):
                await asyncio.sleep(0)
            return result

        return self.loop.run_until_complete(steps())

    def _make_engine(self) -> Engine:
        engine = Engine(self.store, self.executor)
        for pool_id in _POOLS:
            engine.add_pool(accept_pool(_pool_body(pool_id)))
        return engine

    def teardown(self) -> None:
        self.turn(self.engine.stop)
        assert not self.executor.pending
        self.loop.close()

    # What there is

    def _jobs(self) -> list[StoredJob]:
        return list(self.store.jobs)

    def _tasks(self) -> list[tuple[StoredJob, TaskEntity]]:
        return [(record, task) for record in self.store.jobs for task in record.tasks]

    def _nodes(self) -> list[tuple[StoredPool, NodeEntity]]:
        return [(record, node) for record in self.store.pools for node in record.nodes]

    # What users do

    @rule(
        pool=st.sampled_from(_POOLS),
        kinds=st.sets(st.sampled_from(["prepared", "released", "managed", "narrow", "reacts"])),
    )
    def add_job(self, pool: str, kinds: set[str]) -> None:
        body: dict[str, Any] = {
            "id": f"j{len(self._jobs())}",
            "poolInfo": {"poolId": pool},
            "constraints": {"maxTaskRetryCount": _RETRIES},
        }
        if kinds & {"prepared", "released"}:
            body["jobPreparationTask"] = {"commandLine": "true"}
        if "released" in kinds:
            body["jobReleaseTask"] = {"commandLine": "true"}
        if "managed" in kinds:
            body["jobManagerTask"] = {"id": "m", "commandLine": "true"}
        if "narrow" in kinds:
            body["maxParallelTasks"] = 1
        if "reacts" in kinds:
            body["onTaskFailure"] = "performexitoptionsjobaction"
        if body["id"] not in self.store.jobs:
            self.turn(lambda: self.engine.add_job(accept_job(body)))

    @precondition(lambda self: self._jobs())
    @rule(pick=_PICK, slots=st.integers(1, 2), nodes=st.integers(0, 2))
    def add_task(self, pick: int, slots: int, nodes: int) -> None:
        record = _pick(self._jobs(), pick)
        body: dict[str, Any] = {"id": f"t{len(record.tasks)}", "commandLine": "true"}
        if nodes and record.job.pool_id == "single":
            body["multiInstanceSettings"] = {
                "numberOfInstances": nodes,
                "coordinationCommandLine": "true",
            }
        else:
            body["requiredSlots"] = slots
        if body["id"] not in record.tasks and not record.job.is_over:
            self.turn(lambda: self.engine.add_task(record, accept_task(body, record.job.spec)))

    @precondition(lambda self: self._tasks())
    @rule(pick=_PICK, what=st.sampled_from(["end", "delete", "reactivate"]))
    def change_task(self, pick: int, what: str) -> None:
        record, task = _pick(self._tasks(), pick)
        key = _identity(record, task)
        if what == "delete":
            self.deleted.add(key)
            self.turn(lambda: self.engine.delete_task(record, task))
            self.ended.pop(key, None)
        elif what == "end" and task.state != "completed":
            self.turn(lambda: self.engine.end_task(record, task))
        elif what == "reactivate" and task.failure is not None and not record.job.is_over:
            self.ended.pop(key, None)
            record.put(tasks.reactivated(task, service_clock.now()))
            self.turn(self.engine.wake)

    @precondition(lambda self: self._jobs())
    @rule(pick=_PICK, what=st.sampled_from(["requeue", "terminate", "wait", "enable", "end", "delete"]))
    def change_job(self, pick: int, what: str) -> None:
        record = _pick(self._jobs(), pick)

        def act() -> None:
            if what == "enable":
                record.job = jobs.enabled(record.job, service_clock.now())
                self.engine.wake()
            elif what == "end":
                self.engine.end_job(record, "enough", by_user=True)
            elif what == "delete":
                self.engine.delete_job(record)
            else:
                self.engine.disable_job(record, what)

        self.turn(act)

    @rule(pool=st.sampled_from(_POOLS), dedicated=st.integers(0, 3), spot=st.integers(0, 2), option=_OPTIONS)
    def resize(self, pool: str, dedicated: int, spot: int, option: str) -> None:
        record = self.store.pools[pool]
        targets = {"targetDedicatedNodes": dedicated, "targetLowPriorityNodes": spot}

        def act() -> None:
            record.pool = pools.resized(record.pool, targets, service_clock.now(), option)
            self.engine.wake()

        self.turn(act)

    @rule(pool=st.sampled_from(_POOLS))
    def stop_resize(self, pool: str) -> None:
        self.turn(lambda: self.engine.pool_nodes.stop_resize(self.store.pools[pool]))

    @precondition(lambda self: self._nodes())
    @rule(pick=_PICK, phase=st.sampled_from(["rebooting", "reimaging", "deallocating"]), option=_OPTIONS)
    def start_transition(self, pick: int, phase: Phase, option: str) -> None:
        record, node = _pick(self._nodes(), pick)
        self.turn(lambda: self.engine.pool_nodes.start_transition(record, node, phase, option))

    @precondition(lambda self: self._nodes())
    @rule(pick=_PICK, option=_OPTIONS, what=st.sampled_from(["start", "enable", "disable", "remove"]))
    def change_node(self, pick: int, option: str, what: str) -> None:
        record, node = _pick(self._nodes(), pick)
        pool_nodes = self.engine.pool_nodes
        match what:
            case "start":
                self.turn(lambda: pool_nodes.start(record, node))
            case "remove":
                self.turn(lambda: pool_nodes.remove_nodes(record, [node.id], option))
            case _:
                enabled = what == "enable"
                self.turn(lambda: pool_nodes.set_scheduling(record, node, enabled=enabled, option=option))

    # What happens

    @precondition(lambda self: self.executor.pending)
    @rule(pick=_PICK, code=st.sampled_from([0, 0, 0, 1, None]))
    def finish(self, pick: int, code: int | None) -> None:
        key = _pick(sorted(self.executor.pending), pick)
        outcome = failed_before_command(FailureInfo("BlobNotFound", "")) if code is None else exited(code)
        self.turn(lambda: self.executor.finish(key, outcome))

    @rule(pool=st.sampled_from(_POOLS), number=st.integers(1, 2))
    def preempt(self, pool: str, number: int) -> None:
        self.turn(lambda: self.engine.pool_nodes.preempt(self.store.pools[pool], number))

    @rule(pool=st.sampled_from(_POOLS))
    def restore(self, pool: str) -> None:
        self.turn(lambda: self.engine.pool_nodes.restore(self.store.pools[pool]))

    # What always holds

    def _check_start(self, request: RunRequest) -> None:
        if request.kind != "task":
            return
        record = self.store.jobs[request.job_id]
        phases = [self.store.pools[request.pool_id].nodes[node_id].phase for node_id in request.node_ids]
        # The node may wait for the very task that waits for the node's preparation.
        if "jobPreparationTask" not in record.job.spec and set(phases) != {"ready"}:
            self.violations.append(f"a task starts on nodes that are {phases}")
        if record.excluded_nodes & set(request.node_ids):
            self.violations.append("a task starts on a node that its job shuns")
        if record.tasks[request.task_id].state != "running":
            self.violations.append("a task runs that is not in the state running")

    @invariant()
    def tasks_start_only_where_they_may(self) -> None:
        assert self.violations == []

    @invariant()
    def slots_are_never_exceeded_and_taken_only_by_what_runs(self) -> None:
        taken: Counter[str] = Counter()
        running: Counter[str] = Counter()
        for record, task in self._tasks():
            if task.state in ("preparing", "running"):
                for node_id in self._places(record, task):
                    taken[node_id] += task.slots
                    running[node_id] += 1
        for _, node in self._nodes():
            load = node.load
            assert (load.used_slots, load.running_tasks) == (taken.pop(node.id, 0), running[node.id])
            assert 0 <= load.used_slots <= node.slots
        assert not taken, "tasks run on nodes that are gone"

    def _places(self, record: StoredJob, task: TaskEntity) -> list[str]:
        assert task.placement is not None
        subtasks = record.subtasks.get(task.id.lower(), ())
        return [task.placement.node_id, *(subtask.placement.node_id for subtask in subtasks)]

    @invariant()
    def runs_agree_with_states(self) -> None:
        wanted = {
            task_key(record.job.id, task.id) for record, task in self._tasks() if task.state == "running"
        }
        assert {key for key in self.executor.pending if key.kind == "task"} == wanted
        for record in self._jobs():
            states = {task.id.lower() for task in record.tasks if task.state in ("preparing", "running")}
            assert record.running == states

    @invariant()
    def counts_agree_with_states(self) -> None:
        for record in self._jobs():
            states = Counter[str]("running" if t.state == "preparing" else t.state for t in record.tasks)
            states.update(f"{t.result}" for t in record.tasks if t.state == "completed")
            counts = record.counts()["taskCounts"]
            assert counts == {
                "active": states["active"],
                "running": states["running"],
                "completed": states["completed"],
                "succeeded": states["success"],
                "failed": states["failure"],
            }

    @invariant()
    def completed_tasks_stay_so_and_counts_of_runs_only_grow(self) -> None:
        for record, task in self._tasks():
            key = _identity(record, task)
            if key in self.ended:
                assert (task.state, task.ended_at) == ("completed", self.ended[key])
            elif task.state == "completed":
                self.ended[key] = task.ended_at
            assert task.retries <= _RETRIES

    @invariant()
    def a_run_that_is_taken_from_a_task_is_counted(self) -> None:
        for record, task in self._tasks():
            key = _identity(record, task)
            before = self.seen.get(key, task)
            assert task.requeues >= before.requeues
            if (before.state, task.state) == ("running", "active"):
                assert task.requeues + task.retries > before.requeues + before.retries
            self.seen[key] = task

    @invariant()
    def tasks_vanish_only_when_they_are_deleted(self) -> None:
        there = {_identity(record, task) for record, task in self._tasks()}
        jobs = {(record.job.id, record.job.created_at) for record in self._jobs()}
        for key in [key for key in self.seen if key not in there]:
            job_id, _, created_at = key
            assert key in self.deleted or not [
                job for job in jobs if job[0] == job_id and job[1] <= created_at
            ]
            del self.seen[key]

    @invariant()
    def an_exclusive_task_has_its_node_for_itself(self) -> None:
        assert all(node.load.running_tasks == 1 for _, node in self._nodes() if node.load.exclusive)

    @invariant()
    def no_task_waits_that_could_run(self) -> None:
        for pool in self.store.pools:
            for record in task_scheduler.jobs_by_priority(self.store, pool):
                if record.job.spec["maxParallelTasks"] in range(len(record.running) + 1):
                    continue
                for task in record.tasks:
                    fits = task_scheduler.fits(pool.pool, list(pool.nodes), record, requirements_of(task))
                    assert task.state != "active" or not fits, "a task waits that could run"

    @invariant()
    def a_job_is_over_only_when_nothing_of_it_runs(self) -> None:
        for record in self._jobs():
            if record.job.state == "completed":
                assert not record.running
                assert not [key for key in self.executor.pending if key.job_id == record.job.id.lower()]


def _pick(items: list[Any], number: int) -> Any:
    return items[number % len(items)]


def _identity(record: StoredJob, task: TaskEntity) -> tuple[str, str, int]:
    return record.job.id, task.id, task.created_at


EngineMachine.TestCase.settings = settings(examples(60), stateful_step_count=40)
TestEngine = EngineMachine.TestCase


def test_a_job_waits_for_its_release_task_on_a_node_that_leaves_when_it_is_idle() -> None:
    machine = EngineMachine()
    try:
        machine.preempt(number=2, pool="many")
        machine.add_job(kinds={"prepared", "released"}, pool="many")
        machine.add_task(pick=0, slots=1, nodes=0)
        while machine.store.jobs["j0"].tasks["t0"].state != "completed":
            machine.finish(code=0, pick=0)
        machine.add_job(kinds=set(), pool="many")
        machine.add_task(pick=1, slots=1, nodes=0)
        machine.change_job(pick=0, what="end")
        machine.resize(dedicated=0, option="taskcompletion", pool="many", spot=0)
        assert sorted(key.kind for key in machine.executor.pending) == ["release", "task"]
        assert machine.store.jobs["j0"].job.state == "terminating"
    finally:
        machine.teardown()
