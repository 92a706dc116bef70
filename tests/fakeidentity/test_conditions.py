"""Conditions of role assignments mean what Azure's documentation says."""

import pytest

from fakeidentity.conditions import condition
from fakeidentity.identities import Assignment, assignments_of, shown

READ = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"
WRITE = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write"
NAME = "@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:name]"


@pytest.mark.parametrize(
    ("text", "action", "container", "expected"),
    [
        (f"{NAME} StringEquals 'a'", READ, "a", True),
        (f"{NAME} StringEquals 'a'", READ, "b", False),
        (f"{NAME} StringNotEquals 'a'", READ, "b", True),
        (f"{NAME} StringStartsWith 'job-'", READ, "job-1", True),
        (f"{NAME} StringNotStartsWith 'job-'", READ, "job-1", False),
        (f"ActionMatches{{'{READ}'}}", READ, "", True),
        (f"ActionMatches{{'{READ}'}}", WRITE, "", False),
        (f"!(ActionMatches{{'{WRITE}'}}) OR ({NAME} StringEquals 'a')", READ, "b", True),
        (f"!(ActionMatches{{'{WRITE}'}}) OR ({NAME} StringEquals 'a')", WRITE, "b", False),
        # AND binds more tightly than OR.
        (f"{NAME} StringEquals 'a' OR {NAME} StringEquals 'b' AND {NAME} StringEquals 'c'", READ, "a", True),
        (
            f"({NAME} StringEquals 'a' OR {NAME} StringEquals 'b') AND {NAME} StringEquals 'c'",
            READ,
            "a",
            False,
        ),
        (f"((({NAME}\nStringEquals 'a')))", READ, "a", True),
    ],
)
def test_a_condition_is_evaluated(text: str, action: str, container: str, expected: bool) -> None:
    assert condition(text)(action, container) is expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "(",
        f"{NAME} StringEquals",
        f"{NAME} StringEquals a",
        f"{NAME} StringLike 'a*'",
        f"({NAME} StringEquals 'a'",
        f"{NAME} StringEquals 'a')",
        f"{NAME} StringEquals 'a' XOR {NAME} StringEquals 'b'",
        "@Principal[a] StringEquals 'b'",
        "SubOperationMatches{'Blob.List'}",
        f"{NAME} ForAnyOfAnyValues:StringEquals {{'a'}}",
    ],
)
def test_what_is_not_understood_is_refused_and_not_taken_for_allowed(text: str) -> None:
    with pytest.raises(ValueError, match=r"understood|in place of"):
        condition(text)


def test_a_condition_is_about_blobs_only_if_it_says_so_and_is_kept_as_it_is() -> None:
    text = f"!(ActionMatches{{'{READ}'}}) OR {NAME} StringNotStartsWith 'own-'"
    given = Assignment(role="Storage Blob Data Contributor", condition=text)
    assert given.allows(["blob:blobs/read"], "data")
    assert not given.allows(["blob:blobs/read"], "own-records")
    assert given.allows(["blob:containers/delete"], "own-records")
    assert assignments_of(shown([given])) == (given,)


def test_an_assignment_with_a_condition_that_is_not_understood_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"understood|in place of"):
        Assignment(role="Storage Blob Data Contributor", condition="true")
