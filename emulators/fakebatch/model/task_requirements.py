"""What a task needs of the nodes it can run on."""

from functools import lru_cache
from typing import NamedTuple

from fakebatch.model.stored_node import Node
from fakebatch.model.stored_task import Task


class Need(NamedTuple):
    """The slots a task takes on each of a number of nodes; alone there, or only on dedicated ones."""

    slots: int = 1
    nodes: int = 1
    exclusive: bool = False
    dedicated: bool = False

    def suits(self, node: Node) -> bool:
        """Whether a node could take the task now."""
        if self.dedicated and not node.dedicated:
            return False
        return node.free_slots >= self.slots and not (self.exclusive and node.load.running_tasks)


_cached = lru_cache(maxsize=256)(Need)


def need_of(task: Task) -> Need:
    """Return what a task needs; a job manager says more than others."""
    spec = task.spec
    instances = 1
    if "multiInstanceSettings" in spec:
        instances = spec["multiInstanceSettings"]["numberOfInstances"]
    if "killJobOnCompletion" not in spec:
        return _cached(task.slots, instances)
    return _cached(task.slots, instances, spec["runExclusive"], not spec["allowLowPriorityNode"])
