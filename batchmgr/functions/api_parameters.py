"""Parameters and statuses that several operations of the HTTP API have."""

from typing import Annotated

import msgspec

from batchmgr.functions.long_polls import LONGEST_WAIT
from batchmgr.model.request_limits import MAX_TOKEN
from batchmgr.wire.openapi_document import Parameter

FILES = ("text/plain", "application/octet-stream")
SERVICES = (502, 503)
"""A service refuses, or can't be reached."""

OF_A_JOB = (404, *SERVICES)
ACCEPTED = {202: ("Location", "Retry-After")}
FOLLOWED = {202: ("Retry-After",)}

AFTER = Parameter(
    name="after",
    type_=Annotated[str, msgspec.Meta(max_length=MAX_TOKEN)],
    description="The token in the nextLink of the page before.",
)
WAIT = (
    Parameter(
        name="wait",
        type_=Annotated[int, msgspec.Meta(ge=0, le=LONGEST_WAIT)],
        default=0,
        description="How many seconds to wait for news.",
    ),
    Parameter(
        name="Prefer",
        type_=str,
        place="header",
        description="The same as a preference: `wait=30`.",
    ),
)
IF_NONE_MATCH = Parameter(
    name="If-None-Match",
    type_=str,
    place="header",
    description="The ETag of the answer that the caller has: 304 as long as there is no other.",
)
SELECT = Parameter(
    name="select", type_=str, description="Only these fields of each item, with commas between them."
)
IDEMPOTENCY_KEY = Parameter(
    name="Idempotency-Key",
    type_=str,
    place="header",
    description="A key of the caller's: two requests with the same key make one job.",
)


def limit(default: int, most: int) -> Parameter:
    """Return the parameter that says how many items a page has."""
    return Parameter(
        name="limit",
        type_=Annotated[int, msgspec.Meta(ge=1, le=most)],
        default=default,
        description="How many of them a page has at most.",
    )


def filter_by(name: str, description: str) -> Parameter:
    """Return a parameter that selects items of a list."""
    return Parameter(name=name, type_=str, description=description)
