"""Which requests the roles allow: a table of requests, and what Azure's roles say about each."""

import pytest

from fakeidentity.actions import Request, ServiceKind
from fakeidentity.authorization import refusal
from fakeidentity.identities import Assignment, Directory, Identity, assignments_of, shown
from fakeidentity.roles import NODES
from fakeidentity.tokens import issue

CLIENT, OBJECT = "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"
STORAGE, BATCH = "https://storage.azure.com/", "https://batch.core.windows.net/"
NOW = 1_000_000.0
BLOB, QUEUE = "/acc/inputs/a%20folder/b.txt", "/acc/jobs"
LIST = {"restype": "container", "comp": "list"}
KEY = {"restype": "service", "comp": "userdelegationkey"}


def identity(*assignments: Assignment) -> Identity:
    return Identity(client_id=CLIENT, object_id=OBJECT, resource_id="/i", assignments=assignments)


def status(
    assignment: Assignment | str,
    kind: ServiceKind,
    method: str,
    path: str,
    query: dict[str, str] | None = None,
) -> int:
    """Return the status of the refusal; 0 if the request is allowed."""
    given = Assignment(role=assignment) if isinstance(assignment, str) else assignment
    caller = identity(given)
    token = issue(caller, BATCH if kind == "batch" else STORAGE, now=NOW, lifetime=60)
    request = Request(method=method, path=path, query=query or {}, authorization=f"Bearer {token}")
    refused = refusal(kind, request, Directory([caller]), NOW)
    return refused.status if refused else 0


@pytest.mark.parametrize(
    ("role", "method", "path", "query", "expected"),
    [
        ("Storage Blob Data Reader", "GET", BLOB, {}, 0),
        ("Storage Blob Data Reader", "GET", "/acc/inputs", LIST, 0),
        ("Storage Blob Data Reader", "POST", "/acc/", KEY, 0),
        ("Storage Blob Data Reader", "PUT", BLOB, {}, 403),
        ("Storage Blob Data Reader", "PUT", "/acc/inputs", {"restype": "container"}, 403),
        ("Storage Blob Data Contributor", "PUT", BLOB, {"comp": "appendblock"}, 0),
        ("Storage Blob Data Contributor", "DELETE", BLOB, {}, 0),
        ("Storage Blob Data Contributor", "DELETE", "/acc/inputs", {"restype": "container"}, 0),
        (NODES, "GET", "/acc/inputs", LIST, 0),
        (NODES, "PUT", BLOB, {"comp": "appendblock"}, 0),
        (NODES, "DELETE", BLOB, {}, 0),
        (NODES, "DELETE", "/acc/inputs", {"restype": "container"}, 403),
        (NODES, "PUT", "/acc/inputs", {"restype": "container"}, 403),
        (NODES, "POST", "/acc/", KEY, 403),
        ("Storage Blob Data Owner", "PUT", "/acc/inputs", {"restype": "container"}, 0),
        ("Storage Blob Delegator", "POST", "/acc/", KEY, 0),
        ("Storage Blob Delegator", "GET", BLOB, {}, 403),
        ("Storage Queue Data Contributor", "GET", BLOB, {}, 403),
    ],
)
def test_blobs(role: str, method: str, path: str, query: dict[str, str], expected: int) -> None:
    assert status(role, "blob", method, path, query) == expected


@pytest.mark.parametrize(
    ("role", "method", "path", "query", "expected"),
    [
        ("Storage Queue Data Contributor", "PUT", QUEUE, {}, 0),
        ("Storage Queue Data Contributor", "GET", f"{QUEUE}/messages", {}, 0),
        ("Storage Queue Data Contributor", "POST", f"{QUEUE}/messages", {}, 0),
        ("Storage Queue Data Message Sender", "POST", f"{QUEUE}/messages", {}, 0),
        ("Storage Queue Data Message Sender", "GET", f"{QUEUE}/messages", {}, 403),
        ("Storage Queue Data Message Processor", "DELETE", f"{QUEUE}/messages/1", {"popreceipt": "p"}, 0),
        ("Storage Queue Data Message Processor", "DELETE", f"{QUEUE}/messages", {}, 403),
        ("Storage Queue Data Reader", "GET", f"{QUEUE}/messages", {"peekonly": "true"}, 0),
        ("Storage Queue Data Reader", "GET", f"{QUEUE}/messages", {}, 403),
    ],
)
def test_queues(role: str, method: str, path: str, query: dict[str, str], expected: int) -> None:
    assert status(role, "queue", method, path, query) == expected


@pytest.mark.parametrize(
    ("role", "method", "path", "expected"),
    [
        ("Azure Batch Job Submitter", "POST", "/jobs/j/addtaskcollection", 0),
        ("Azure Batch Job Submitter", "GET", "/pools/p", 0),
        ("Azure Batch Job Submitter", "POST", "/pools", 403),
        ("Azure Batch Data Contributor", "POST", "/pools", 0),
        ("Storage Blob Data Owner", "GET", "/jobs/j", 403),
    ],
)
def test_batch(role: str, method: str, path: str, expected: int) -> None:
    assert status(role, "batch", method, path) == expected


@pytest.mark.parametrize(
    ("role", "body", "expected"),
    [
        ("Azure Batch Job Submitter", b'{"poolInfo": {"poolId": "p"}}', 0),
        ("Azure Batch Job Submitter", b'{"poolInfo": {"autoPoolSpecification": {}}}', 403),
        ("Azure Batch Data Contributor", b'{"poolInfo": {"autoPoolSpecification": {}}}', 0),
    ],
)
def test_a_job_that_brings_its_pool_needs_to_write_pools(role: str, body: bytes, expected: int) -> None:
    caller = identity(Assignment(role=role))
    token = issue(caller, BATCH, now=NOW, lifetime=60)
    request = Request(method="POST", path="/jobs", query={}, authorization=f"Bearer {token}", body=body)
    refused = refusal("batch", request, Directory([caller]), NOW)
    assert (refused.status if refused else 0) == expected


def test_a_role_on_some_containers_allows_nothing_else_and_no_delegation_key() -> None:
    some = Assignment(role="Storage Blob Data Owner", containers=("in*",))
    assert status(some, "blob", "GET", BLOB) == 0
    assert status(some, "blob", "GET", "/acc/outputs/b.txt") == 403
    assert status(some, "blob", "POST", "/acc/", KEY) == 403
    assert assignments_of(shown([some])) == (some,)


@pytest.mark.parametrize(
    ("authorization", "query", "expected"),
    [
        ("", {}, 401),
        ("SharedKey acc:signature", {}, 403),
        ("", {"sig": "of an account key"}, 403),
        ("", {"sig": "s", "skoid": OBJECT}, 0),
        ("", {"sig": "s", "skoid": CLIENT}, 403),
        ("Bearer of.another.issuer", {}, 401),
    ],
)
def test_what_is_no_token_of_ours(authorization: str, query: dict[str, str], expected: int) -> None:
    directory = Directory([identity(Assignment(role="Storage Blob Data Reader"))])
    request = Request(method="GET", path=BLOB, query=query, authorization=authorization)
    refused = refusal("blob", request, directory, NOW)
    assert (refused.status if refused else 0) == expected


@pytest.mark.parametrize(
    ("audience", "age", "expected"), [(STORAGE, 59, 0), (STORAGE, 60, 401), (BATCH, 0, 401)]
)
def test_a_token_is_for_one_resource_and_runs_out(audience: str, age: int, expected: int) -> None:
    caller = identity(Assignment(role="Storage Blob Data Reader"))
    token = issue(caller, audience, now=NOW, lifetime=60)
    request = Request(method="GET", path=BLOB, query={}, authorization=f"Bearer {token}")
    refused = refusal("blob", request, Directory([caller]), NOW + age)
    assert (refused.status if refused else 0) == expected
    if refused:
        assert refused.challenge.startswith("Bearer authorization_uri=https://login.microsoftonline.com/")


def test_an_unknown_role_is_an_error() -> None:
    with pytest.raises(ValueError, match="'Blob Owner' is none of the roles"):
        Assignment(role="Blob Owner")
