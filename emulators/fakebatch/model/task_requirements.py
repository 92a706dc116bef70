"""What a task requires of a node: slots, number of nodes, exclusive use, dedicated nodes."""

from functools import lru_cache
from typing import NamedTuple

from fakebatch.model.node_entity import NodeEntity
from fakebatch.model.task_entity import TaskEntity


class TaskRequirements(NamedTuple):
    """What a task requires.

    The task needs `slots` on each of `nodes` nodes. With `exclusive`, it must be alone on its node. With
    `dedicated`, it does not run on low-priority nodes.
    """

    slots: int = 1
    nodes: int = 1
    exclusive: bool = False
    dedicated: bool = False

    def suits(self, node: NodeEntity) -> bool:
        """Return whether the node can run the task now."""
        if self.dedicated and not node.dedicated:
            return False
        return node.free_slots >= self.slots and not (self.exclusive and node.load.running_tasks)


_cached_requirements = lru_cache(maxsize=256)(TaskRequirements)


def requirements_of(task: TaskEntity) -> TaskRequirements:
    """Return what a task requires. Only a job manager task can require exclusive or dedicated nodes."""
    spec = task.spec
    instances = 1
    if "multiInstanceSettings" in spec:
        instances = spec["multiInstanceSettings"]["numberOfInstances"]
    if "killJobOnCompletion" not in spec:
        return _cached_requirements(task.slots, instances)
    return _cached_requirements(task.slots, instances, spec["runExclusive"], not spec["allowLowPriorityNode"])
