"""What a request may have at most: how many bytes, how many of what, how deep. `docs/limits.md` lists them.

Each of these is read before the request costs anything. What depends on the plan of a job, such as the size
of one task, is where it is checked.
"""

from batchmgr.model.size_limits import KIB

BODY_LIMIT = 8 * KIB * KIB
"""The body of an HTTP request in bytes, unless a setting says otherwise."""

MAX_UPLOAD = 64 * KIB * KIB
"""An uploaded job message in bytes."""

MAX_MESSAGE_TASKS = 100_000
"""The `tasks` of a message: as many as a factory may make."""

MAX_DEPTH = 64
"""How deep the `inputs` of a workload may be nested."""

MAX_METADATA = 8 * KIB
MAX_PATTERNS = 50
MAX_WORKLOAD = 100
MAX_URI = 8 * KIB
"""Each goes into the job's record and answers, or into a request header. `metadata` counts as JSON."""

MAX_WEBHOOKS = 5
"""How many a job has. Each has a status of its own in storage, which answers about the job show."""

MAX_JOBS = 500
MAX_LETTERS = 500
MAX_TASKS = 1000
MAX_EVENTS = 10_000
"""How many a page has, whatever is asked for."""

MAX_TOKEN = 4096
"""How many characters the token of a next page may have. Those of Azure have some hundred."""


def is_deeper(value: object, depth: int) -> bool:
    """Return whether lists and objects are nested deeper than this. A text or a number has the depth 0.

    >>> is_deeper({"a": [1]}, 2), is_deeper({"a": [[1]]}, 2)
    (False, True)
    """
    level: list[object] = [value]
    for _ in range(depth + 1):
        level = [inner for outer in level for inner in _inner(outer)]
        if not level:
            return False
    return True


def _inner(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
