"""List responses: filtered, in the order of the ids, in pages."""

import base64
import binascii
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote, urlencode

from fakebatch.errors import invalid_query
from fakebatch.wire.odata_filter import Field, compile_filter
from fakebatch.wire.operation_request import OperationRequest
from fakebatch.wire.operation_response import OperationResponse, listed

PAGE_SIZE: Final = 1000

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Generic[T]):
    """A list of resources that a request can ask for.

    `fragment` names the list in the metadata. `ids` are in ordinal order. `fetch` returns the item of an id.
    `fields` are the properties that `$filter` can use. `view` returns the JSON of an item. `summary` holds
    the properties, in their order, that can be read without the whole view; one whose value is None is left
    out.
    """

    fragment: str
    ids: Sequence[str]
    fetch: Callable[[str], T]
    fields: Mapping[str, Field[T]]
    view: Callable[[T], dict[str, Any]]
    summary: Mapping[str, Callable[[T], Any]] = field(default_factory=dict)


def list_response(request: OperationRequest, listing: Listing[T]) -> OperationResponse:
    """Return the response with the page of the list that the request asks for."""
    size = _page_size(request)
    text = request.parameter("$filter")
    accepts = compile_filter(text, listing.fields) if text else None
    found: list[T] = []
    last, more = "", False
    for position in range(_first_position(request, listing.ids), len(listing.ids)):
        item = listing.fetch(listing.ids[position])
        if accepts is not None and not accepts(item):
            continue
        if len(found) == size:
            more = True
            break
        found.append(item)
        last = listing.ids[position]
    show = _selected_view(request, listing)
    views = [show(item) for item in found]
    return listed(request, listing.fragment, views, _next_link(request, last) if more else None)


def _selected_view(request: OperationRequest, listing: Listing[T]) -> Callable[[T], dict[str, Any]]:
    wanted = _selection(request)
    if wanted is None:
        return listing.view
    if not wanted <= listing.summary.keys():
        return lambda item: {name: shown for name, shown in listing.view(item).items() if name in wanted}
    summary = [(name, read) for name, read in listing.summary.items() if name in wanted]
    return lambda item: {name: shown for name, read in summary if (shown := read(item)) is not None}


def select(request: OperationRequest, view: dict[str, Any]) -> dict[str, Any]:
    """Return the properties of a view that `$select` names, or all properties if there is no `$select`."""
    wanted = _selection(request)
    return view if wanted is None else {name: shown for name, shown in view.items() if name in wanted}


def _selection(request: OperationRequest) -> set[str] | None:
    text = request.parameter("$select")
    return {name.strip() for name in text.split(",")} if text else None


def _page_size(request: OperationRequest) -> int:
    text = request.parameter("maxresults")
    if text is None:
        return PAGE_SIZE
    try:
        size = int(text)
    except ValueError as error:
        raise invalid_query("maxresults", text, "MaxResults is not an integer") from error
    if size < 1:
        raise invalid_query("maxresults", text, "MaxResults cannot be less than 1")
    if size > PAGE_SIZE:
        raise invalid_query("maxresults", text, f"MaxResults cannot be more than {PAGE_SIZE}")
    return size


def _first_position(request: OperationRequest, ids: Sequence[str]) -> int:
    token = request.parameter("$skiptoken")
    if token is None:
        return 0
    try:
        return bisect_right(ids, base64.b64decode(token.encode(), b"-_", validate=True).decode())
    except (binascii.Error, ValueError) as error:
        raise invalid_query("$skiptoken", token, "The continuation token is malformed") from error


def _next_link(request: OperationRequest, last: str) -> str:
    # The token names the last item of this page. If items are added or deleted between two pages, no other
    # item is skipped or repeated. A space is written %20, because the Python client parses a next link again
    # and would quote a plus sign.
    kept = [(name, shown) for name, shown in request.query if name.lower() != "$skiptoken"]
    token = base64.urlsafe_b64encode(last.encode()).decode()
    query = urlencode([*kept, ("$skiptoken", token)], quote_via=quote, safe="$")
    return f"{request.base}{request.path}?{query}"
