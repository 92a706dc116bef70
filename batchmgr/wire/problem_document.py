"""Problem documents (RFC 9457): the bodies of HTTP errors."""

from batchmgr.model.size_limits import KIB, MESSAGE
from batchmgr.plan.cut_text import cut

MAX_DETAIL = 8 * KIB


def problem_document(
    status: int, title: str, detail: str, *, field: str = "", parameter: str = ""
) -> dict[str, object]:
    """Return the JSON of a problem document. `field` is the wrong field, as a path such as `tasks[0].id`.

    The document names the field as this path and, in `errors`, as a JSON pointer. `parameter` is a parameter
    of the query instead.
    """
    detail, field = cut(detail, MAX_DETAIL), cut(field, MESSAGE)
    body: dict[str, object] = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    if field:
        pointer = "#/" + field.replace("[", "/").replace("]", "").replace(".", "/")
        body["field"] = field
        body["errors"] = [{"detail": detail, "pointer": pointer}]
    if parameter:
        body["field"] = parameter
        body["errors"] = [{"detail": detail, "parameter": parameter}]
    return body
