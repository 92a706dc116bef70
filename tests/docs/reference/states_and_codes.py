"""The page of states, codes and exit codes: the tables of the code, in one place."""

import ast
import inspect
import re
from collections.abc import Iterator

from batchmgr import errors
from batchmgr.dispatcher import local_command
from batchmgr.functions.http_responses import ALL_KINDS, ERRORS, ErrorKind
from batchmgr.model import stall
from batchmgr.model.job_record_parts import CallbackState
from batchmgr.model.job_states import TRANSITIONS, JobState
from batchmgr.model.waiting_for import ADVICE, ObstacleKind
from batchmgr.steps.diagnose import CATEGORIES, TIME_LIMIT
from batchmgr.wire.adf_callback import BAD_INPUT_STATUS, STATUS_CODES
from batchmgr.wire.events import EVENT_TYPES
from batchmgr.workload.application import Application
from tests.docs.codes import codes, stall_codes
from tests.docs.reference.markdown import NOTE, table

_HEAD = """\
# States and codes

{note}
What to do about a code: [troubleshooting](../troubleshooting.md).
"""


def states_and_codes() -> str:
    """Return the page."""
    return "\n".join([_HEAD.format(note=NOTE), *_sections()])


def _sections() -> Iterator[str]:
    yield "## States of a job\n"
    texts = _states()
    yield table(
        ["state", "what it means", "what may follow", "`StatusCode` of the callback"],
        [(f"`{state}`", texts[state], _following(state), STATUS_CODES.get(state, "")) for state in JobState],
    )
    yield (
        f"`StatusCode` is `{BAD_INPUT_STATUS}` in place of `500` if the error's category is `BadInput`. "
        "More: [HTTP API](../http-api.md#job-states).\n"
    )
    yield "## States of a callback\n"
    yield table(["state", "what it means"], _explained(CallbackState))
    yield "## Codes\n"
    yield (
        "A code is in a job's `error`, in its `waitingFor`, or in the log. Besides these there are the\n"
        "codes of Azure Batch and storage, and the types of exceptions.\n"
    )
    yield table(
        ["code", "who gives it"],
        [(f"`{code}`", ", ".join(map(_link, modules))) for code, modules in codes().items()],
    )
    yield "## Why a job can't go on\n"
    yield table(["code of `waitingFor`", "what `advice` says"], sorted(_stalls()))
    yield "## What hinders a step\n"
    yield table(
        ["kind", "what it means", "what `advice` says"],
        [
            (kind, meaning, ADVICE[ObstacleKind(kind.strip("`"))])
            for kind, meaning in _explained(ObstacleKind)
        ],
    )
    yield "## Categories of a task's error\n"
    yield table(
        ["category", "where it is from"],
        [
            *((f"`{name}`", f"the task's own report says `{kind}`") for kind, name in CATEGORIES.items()),
            (f"`{TIME_LIMIT}`", "the task or its job took longer than its `maxWallClockTime`"),
            ("`UserError`, `ServerError`", "Azure Batch"),
        ],
    )
    yield "## Statuses of HTTP errors\n"
    yield table(
        ["status", "code", "title", "error"],
        [(f"`{kind.status}`", f"`{kind.code}`", kind.title, _raised(kind)) for kind in ALL_KINDS],
    )
    yield "## Exit codes\n"
    yield f"A workload's `task`, `finalize` and `job-manager`: {_exit_codes()}\n"
    local = ", ".join(f"{code} {state}" for state, code in local_command.EXIT_CODES.items())
    yield f"A workload's `local`: {local}, and 1 for any other state.\n"
    yield "## Types of events\n"
    yield "".join(f"- `{name}`\n" for name in sorted(EVENT_TYPES))
    yield "## The tree of errors\n"
    yield "Every exception that batchmgr raises on purpose ([errors.py](../../batchmgr/errors.py)):\n"
    tree = inspect.cleandoc(errors.__doc__ or "").partition("\n\n")[2].rpartition("\n\n")[0]
    yield f"```text\n{inspect.cleandoc(tree)}\n```\n"


def _raised(kind: ErrorKind) -> str:
    return ", ".join(f"`{type_.__name__}`" for type_, one in ERRORS.items() if one == kind)


def _following(state: JobState) -> str:
    return ", ".join(f"`{one}`" for one in JobState if one in TRANSITIONS[state]) or "none"


def _states() -> dict[JobState, str]:
    """Return what each state means, in the words of its class."""
    text = " ".join(inspect.cleandoc(JobState.__doc__ or "").split())
    return {state: _meaning(state, text) for state in JobState}


def _explained(kind: type[CallbackState] | type[ObstacleKind]) -> list[tuple[str, str]]:
    text = " ".join(inspect.cleandoc(kind.__doc__ or "").split())
    return [(f"`{one}`", _meaning(one, text)) for one in kind]


def _meaning(name: str, text: str) -> str:
    found = re.search(rf"`{name}`: (.*?\.)(?= `|$)", text)
    if found is None:
        raise ValueError(f"the docstring does not explain {name}")
    return found[1] if found[1].startswith("batchmgr") else found[1][0].upper() + found[1][1:]


def _stalls() -> Iterator[tuple[str, str]]:
    """Yield the code and the advice of each reason, as they are in the source."""
    advice: dict[str, list[str]] = {}
    for call in ast.walk(ast.parse(inspect.getsource(stall))):
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "Stall":
            given = {one.arg: ast.literal_eval(one.value) for one in call.keywords if one.arg != "reason"}
            advice.setdefault(given["code"], []).append(given["advice"])
    if set(advice) != stall_codes():
        raise ValueError("a code is missing")
    return ((f"`{code}`", " Or: ".join(texts)) for code, texts in advice.items())


def _exit_codes() -> str:
    text = " ".join(inspect.cleandoc(Application.run.__doc__ or "").split())
    return text.partition("Exit codes: ")[2].partition(". ")[0] + "."


def _link(module: str) -> str:
    path = module.replace(".", "/") + ".py"
    return f"[{path}](../../batchmgr/{path})"
