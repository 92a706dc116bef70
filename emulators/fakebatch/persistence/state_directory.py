"""The state directory: lock it, restore the state from it, and keep the state in it."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fakebatch.change_listeners import ignore_change
from fakebatch.errors import StateInUseError
from fakebatch.execution.process_killing import kill_marked
from fakebatch.persistence.journal import Journal
from fakebatch.persistence.journal_reader import restore
from fakebatch.persistence.lost_runs import requeue_lost_runs
from fakebatch.store import Store
from fakebatch.wire import service_clock


@contextmanager
def open_state(store: Store, directory: Path, root: Path) -> Iterator[Journal]:
    """Restore a store from a directory, and keep its changes there while the context lasts.

    `root` is the directory of the files of tasks. Raises StateInUseError, and JournalError if the journal
    cannot be read.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StateInUseError(f"the state in {directory} is in use by another process") from error
        # Processes of tasks are left only if the watchdog was killed too.
        kill_marked(f"AZ_BATCH_NODE_ROOT_DIR={root}/")
        restore(directory, store)
        requeue_lost_runs(store, service_clock.now())
        journal = Journal(directory, store)
        store.set_listener(journal.on_change)
        try:
            yield journal
        finally:
            store.set_listener(ignore_change)
            journal.close()
