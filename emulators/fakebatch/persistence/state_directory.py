"""The directory that keeps the state of a service: who may use it, and what is in it."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fakebatch.change_listeners import unheeded
from fakebatch.errors import StateInUseError
from fakebatch.execution.process_killing import kill_marked
from fakebatch.persistence.journal import Journal
from fakebatch.persistence.journal_reader import restore
from fakebatch.persistence.lost_runs import lose_runs
from fakebatch.store import Store
from fakebatch.wire import service_clock


@contextmanager
def kept(store: Store, directory: Path, root: Path) -> Iterator[Journal]:
    """Keep a store in a directory while the context lasts, after filling it with what was kept there.

    `root` holds the files of tasks. Raises StateInUseError, and JournalError for a journal it cannot read.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StateInUseError(f"the state in {directory} is in use by another process") from error
        # None are left unless the guard of the service that started them was killed too.
        kill_marked(f"AZ_BATCH_NODE_ROOT_DIR={root}/")
        restore(directory, store)
        lose_runs(store, service_clock.now())
        journal = Journal(directory, store)
        store.watch(journal.note)
        try:
            yield journal
        finally:
            store.watch(unheeded)
            journal.close()
