"""A workload whose command line the reference shows."""

from batchmgr import WorkloadBase, WorkloadTask


class MyTask(WorkloadTask):
    """A task."""

    def run(self) -> None:
        """Do nothing."""


class MyWorkload(WorkloadBase):
    """A workload with one task type."""

    name = "my_workload"

    def __init__(self, batch_client: object = None) -> None:
        super().__init__()
        self._entry_points_repository.register_entry_point(MyTask)
