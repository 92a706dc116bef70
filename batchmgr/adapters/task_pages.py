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
from batchmgr.model.task_query import ALL_TASKS, RESULTS, TaskQuery

FIELDS = "id,displayName,state,stateTransitionTime,creationTime,executionInfo,nodeInfo,requiredSlots"
"""What a snapshot needs of a task."""

MAX_RESULTS = 1000
"""How many tasks one call returns at most."""

SKIP_TOKEN = "$skiptoken"  # noqa: S105  # the name of a parameter


def task_query(
    query: TaskQuery = ALL_TASKS,
    *,
    since: datetime | None = None,
    state: str = "",
    without: str = "",
    failed: bool = False,
    limit: int = MAX_RESULTS,
    token: str = "",
) -> dict[str, str]:
    """Return the query for a page of tasks: all, those in `state`, those that changed at `since` or later.

    Those in the state `without` are left out, and those that `query` does not list. `failed`: only those that
    have failed.

    `token` is where the page begins: what `skip_token` has returned for the page before.
    """
    conditions = conditions_of(query)
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
    parameters = {"$select": FIELDS, "maxresults": str(limit)}
    if conditions:
        parameters["$filter"] = " and ".join(conditions)
    if token:  # it comes from a caller: quoted, it can't add a parameter
        parameters[SKIP_TOKEN] = quote(token, safe="")
    return parameters


def conditions_of(query: TaskQuery) -> list[str]:
    """Return what Azure Batch can select of a query.

    >>> conditions_of(TaskQuery(states=("running", "failed"), exit_code=3))
    ["(state eq 'running' or executionInfo/result eq 'failure')", 'executionInfo/exitCode eq 3']
    """
    words = [_state(state) for state in query.states]
    conditions = [f"({' or '.join(words)})"] if len(words) > 1 else words
    if query.exit_code is not None:
        conditions.append(f"executionInfo/exitCode eq {query.exit_code}")
    if query.error:
        conditions.append("executionInfo/result eq 'failure'")
    return conditions


def _state(word: str) -> str:
    return f"executionInfo/result eq '{RESULTS[word]}'" if word in RESULTS else f"state eq '{word}'"


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
