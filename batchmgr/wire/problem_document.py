"""Problem documents (RFC 9457): the bodies of HTTP errors."""

from collections.abc import Sequence

from batchmgr.errors import InvalidJobError
from batchmgr.model.size_limits import KIB, MESSAGE, NAME
from batchmgr.plan.cut_text import cut

MAX_DETAIL = 8 * KIB
MAX_PROBLEM = 500
"""How many bytes the detail of one of several problems has."""

Json = dict[str, object]


def problem_document(
    status: int,
    code: str,
    title: str,
    detail: str,
    *,
    problems: Sequence[InvalidJobError] = (),
    parameter: str = "",
) -> Json:
    """Return the JSON of a problem document. `code` is a word for what is wrong, which never changes.

    `problems` are those of a message, the one in `detail` first. The document names their fields as paths,
    such as `tasks[0].id`, and as JSON pointers. `parameter` is a parameter of the query instead.
    """
    detail = cut(detail, MAX_DETAIL)
    body: Json = {"type": "about:blank", "title": title, "status": status, "code": code, "detail": detail}
    if any(problem.field for problem in problems):
        body["field"] = cut(problems[0].field, MESSAGE)
        body["errors"] = [_error(problem) for problem in problems]
    if parameter:
        body["field"] = parameter
        body["errors"] = [{"detail": detail, "parameter": parameter}]
    return body


def _error(problem: InvalidJobError) -> Json:
    field = cut(problem.field, NAME)
    pointer = "#/" + field.replace("[", "/").replace("]", "").replace(".", "/") if field else "#"
    return {"detail": cut(problem.reason, MAX_PROBLEM), "field": field, "pointer": pointer}
