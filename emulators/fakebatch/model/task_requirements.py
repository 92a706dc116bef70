"""What a task needs of the nodes it can run on."""

from functools import lru_cache
from typing import NamedTuple

from fakebatch.model.stored_node import StoredNode
from fakebatch.model.stored_task import StoredTask


class TaskRequirements(NamedTuple):
    """The slots a task takes on each of a number of nodes; alone there, or only on dedicated ones."""

    slots: int = 1
    nodes: int = 1
    exclusive: bool = False
    dedicated: bool = False

    def suits(self, node: StoredNode) -> bool:
        """Whether a node could take the task now."""
        if self.dedicated and not node.dedicated:
            return False
        return node.free_slots >= self.slots and not (self.exclusive and node.load.running_tasks)


_cached_requirements = lru_cache(maxsize=256)(TaskRequirements)


def requirements_of(task: StoredTask) -> TaskRequirements:
    """Return what a task needs; a job manager says more than others."""
    spec = task.spec
    instances = 1
    if "multiInstanceSettings" in spec:
        instances = spec["multiInstanceSettings"]["numberOfInstances"]
    if "killJobOnCompletion" not in spec:
        return _cached_requirements(task.slots, instances)
    return _cached_requirements(task.slots, instances, spec["runExclusive"], not spec["allowLowPriorityNode"])
