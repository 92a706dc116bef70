"""Lists of tasks, as Azure Batch takes and gives them: the query of a page, and where the next one begins."""

from datetime import datetime, timedelta
from urllib.parse import quote, unquote, urlsplit

from batchmgr.adapters.batch_answers import SERVICE
from batchmgr.errors import (
    NOT_A_PAGE,
    BatchmgrError,
    InvalidQueryError,
    ServiceBusyError,
    ServiceRefusedError,
)

FIELDS = "id,displayName,state,stateTransitionTime,executionInfo,nodeInfo"
"""What a snapshot needs of a task."""

MAX_RESULTS = 1000
"""How many tasks one call returns at most."""

SKIP_TOKEN = "$skiptoken"  # noqa: S105  # the name of a parameter


def task_query(
    *,
    since: datetime | None = None,
    state: str = "",
    without: str = "",
    failed: bool = False,
    limit: int = MAX_RESULTS,
    token: str = "",
) -> dict[str, str]:
    """Return the query for a page of tasks: all, those in `state`, those that changed at `since` or later.

    Those in the state `without` are left out. `failed`: only those that have failed.

    `token` is where the page begins: what `skip_token` has returned for the page before.
    """
    conditions = []
    if since is not None:
        # Azure Batch counts tenths of microseconds, a datetime whole ones: begin one microsecond earlier.
        moment = f"{since - timedelta(microseconds=1):%Y-%m-%dT%H:%M:%S.%f}Z"
        conditions.append(f"stateTransitionTime ge DateTime'{moment}'")
    if state:
        conditions.append(f"state eq '{state}'")
    if without:
        conditions.append(f"state ne '{without}'")
    if failed:
        conditions.append("executionInfo/result eq 'failure'")
    query = {"$select": FIELDS, "maxresults": str(limit)}
    if conditions:
        query["$filter"] = " and ".join(conditions)
    if token:  # it comes from a caller: quoted, it can't add a parameter
        query[SKIP_TOKEN] = quote(token, safe="")
    return query


def skip_token(next_link: str) -> str:
    """Return the token in the link to a next page, or nothing if there is no link.

    The link is a whole URL, with a host, a path and a filter. None of that goes to callers: they would send
    it back, and the app would call any URL with its own credentials.

    >>> skip_token("https://a.batch.azure.com/jobs/j/tasks?maxresults=9&$skiptoken=WATV2:a%5Eb=:1$1")
    'WATV2:a^b=:1$1'
    """
    if not next_link:
        return ""
    for part in urlsplit(next_link).query.split("&"):
        name, _, value = part.partition("=")
        if unquote(name).lower() == SKIP_TOKEN and value:
            return unquote(value)
    raise ServiceBusyError(f"{SERVICE} sent a link to a next page without a {SKIP_TOKEN}", code="Unreadable")


def page_error(error: ServiceRefusedError, token: str) -> BatchmgrError:
    """Return what is wrong with the request for a page: all of its query but the token is batchmgr's own."""
    if token and error.status == 400:
        return InvalidQueryError(NOT_A_PAGE, name="after")
    return error
