"""The kind of a task: what it has in common with others of its job, by which they are counted together."""

from __future__ import annotations

import re
from functools import lru_cache

OTHER = "task"
"""The kind of tasks whose names are numbers."""

_END_OF_WORD = re.compile(r"[\s:/(\[=,]")
_NUMBER = "0123456789-_.#"


def kind_of(task_id: str, display_name: str = "") -> str:
    """Return the kind of a task: the first word of its display name, else its id, without numbers at the end.

    The display name of a workload's task is the name of its type, unless the workload has given it another.

    >>> kind_of("17", "CountKmers"), kind_of("17", "align: sample 4"), kind_of("render-0042")
    ('CountKmers', 'align', 'render')
    >>> kind_of("lr-0.1-17"), kind_of("17")
    ('lr', 'task')
    """
    return (_kind_by_name(display_name) if display_name else "") or task_id.rstrip(_NUMBER) or OTHER


@lru_cache(maxsize=256)
def _kind_by_name(display_name: str) -> str:
    return _END_OF_WORD.split(display_name.strip(), maxsplit=1)[0].rstrip(_NUMBER)
