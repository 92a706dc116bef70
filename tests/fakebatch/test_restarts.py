"""Whatever happened before the service is killed, a restart restores the same state and continues."""

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis.stateful import invariant, rule

from fakebatch.change_listeners import ignore_change
from fakebatch.engine import Engine
from fakebatch.persistence.journal import Journal
from fakebatch.persistence.journal_reader import restore
from fakebatch.persistence.lost_runs import requeue_lost_runs
from fakebatch.store import Store
from fakebatch.wire import service_clock
from tests.fakebatch.manual_executor import ManualExecutor
from tests.fakebatch.test_state_machine import EngineMachine
from tests.number_of_examples import examples


class KilledEngineMachine(EngineMachine):
    """The engine, kept in a journal, and killed now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.path = Path(self.directory.name)
        self._keep()

    def _keep(self) -> None:
        self.journal = self.turn(lambda: Journal(self.path, self.store))
        self.store.set_listener(self.journal.on_change)

    def teardown(self) -> None:
        self.store.set_listener(ignore_change)
        self.turn(self.journal.close)
        super().teardown()
        self.directory.cleanup()

    def _reread(self) -> Store:
        self.turn(self.journal.flush)
        store = Store()
        restore(self.path, store)
        return store

    @rule()
    def kill(self) -> None:
        store = self._reread()
        self.store.set_listener(ignore_change)
        self.turn(self.journal.close)
        self.turn(self.engine.stop)
        requeue_lost_runs(store, service_clock.now())
        self.store, self.executor = store, ManualExecutor(self._check_start)
        self._keep()
        self.turn(self._resume)

    def _resume(self) -> None:
        self.engine = Engine(self.store, self.executor)
        self.engine.resume()

    @invariant()
    def the_journal_tells_all(self) -> None:
        assert _told(self._reread()) == _told(self.store)


def _told(store: Store) -> dict[str, Any]:
    pools = {pool.pool.id: (pool.pool, {node.id: node for node in pool.nodes}) for pool in store.pools}
    jobs = {
        record.job.id: (
            record.job,
            {task.id: task for task in record.tasks},
            record.counts(),
            record.ready_tasks(),
            record.running,
            record.subtasks,
            record.node_statuses,
            record.excluded_nodes,
            set(record.dependencies.satisfied),
        )
        for record in store.jobs
    }
    return {"pools": pools, "jobs": jobs}


KilledEngineMachine.TestCase.settings = settings(examples(40), stateful_step_count=30)
TestKilledEngine = KilledEngineMachine.TestCase
