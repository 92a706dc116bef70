"""Operations on the account: supported images, pool usage, and the certificates of old API versions."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from fakebatch.errors import BatchError, invalid_query
from fakebatch.operations.operation import Operation, Service
from fakebatch.wire import timestamps
from fakebatch.wire.list_pages import Listing, list_response
from fakebatch.wire.odata_filter import Field
from fakebatch.wire.operation_request import OperationRequest
from fakebatch.wire.operation_response import OperationResponse

_IMAGE_FIELDS: Final[Mapping[str, Field[dict[str, Any]]]] = {
    "imageReference/publisher": Field("text", lambda image: image["imageReference"]["publisher"]),
    "imageReference/offer": Field("text", lambda image: image["imageReference"]["offer"]),
    "imageReference/sku": Field("text", lambda image: image["imageReference"]["sku"]),
    "nodeAgentSKUId": Field("text", lambda image: image["nodeAgentSKUId"]),
    "osType": Field("text", lambda image: image["osType"]),
    "verificationType": Field("text", lambda image: image["verificationType"]),
}
_USAGE_FIELDS: Final[Mapping[str, Field[dict[str, Any]]]] = {
    "poolId": Field("text", lambda usage: usage["poolId"])
}
_CERTIFICATE_FIELDS: Final[Mapping[str, Field[dict[str, Any]]]] = {
    "state": Field("text", lambda certificate: certificate["state"])
}


def _read_images() -> tuple[dict[str, Any], ...]:
    """Return the images that Azure Batch listed when it was recorded. The file has one image a line."""
    lines = Path(__file__).with_name("images.tsv").read_text().splitlines()
    return tuple(_image(*line.split("\t")) for line in lines)


def _image(
    publisher: str, offer: str, sku: str, agent: str, verification: str, capabilities: str, end_of_life: str
) -> dict[str, Any]:
    view: dict[str, Any] = {
        "imageReference": {"publisher": publisher, "offer": offer, "sku": sku, "version": "latest"},
        "verificationType": verification,
        "nodeAgentSKUId": f"batch.node.{agent.replace('_', ' ')}",
    }
    if capabilities != "-":
        view["capabilities"] = capabilities.split(",")
    if end_of_life != "-":
        view["batchSupportEndOfLife"] = end_of_life
    return view | {"osType": "windows" if agent.startswith("windows") else "linux"}


_IMAGES: Final = _read_images()


def _list_response(
    request: OperationRequest,
    fragment: str,
    views: tuple[dict[str, Any], ...],
    fields: Mapping[str, Field[dict[str, Any]]],
) -> OperationResponse:
    by_place = {f"{place:06}": view for place, view in enumerate(views)}
    listing = Listing(
        fragment=fragment,
        ids=list(by_place),
        fetch=by_place.__getitem__,
        fields=fields,
        view=lambda view: view,
    )
    return list_response(request, listing)


async def list_images(_service: Service, request: OperationRequest) -> OperationResponse:
    """List the images that nodes can use."""
    return _list_response(request, "supportedimages", _IMAGES, _IMAGE_FIELDS)


async def list_usage(_service: Service, request: OperationRequest) -> OperationResponse:
    """List the usage of the pools. The list is empty, as for an account whose first interval is not over."""
    for name in ("startTime", "endtime"):
        if text := request.parameter(name):
            _check_time(name, text)
    return _list_response(request, "poolusagemetrics", (), _USAGE_FIELDS)


def _check_time(name: str, text: str) -> None:
    try:
        timestamps.from_iso(text)
    except ValueError as error:
        raise invalid_query(name, text, "The value is not an ISO 8601 time.") from error


async def list_certificates(_service: Service, request: OperationRequest) -> OperationResponse:
    """List the certificates. The list is empty, because accounts can no longer have certificates."""
    return _list_response(request, "certificates", (), _CERTIFICATE_FIELDS)


async def add_certificate(_service: Service, _call: OperationRequest) -> OperationResponse:
    """Refuse to add a certificate. Azure Batch retired the feature before it removed the operations."""
    raise BatchError("Forbidden")


async def certificate_not_found(_service: Service, _call: OperationRequest) -> OperationResponse:
    """Answer that there is no such certificate."""
    raise BatchError("CertificateNotFound")


_CERTIFICATE: Final = "/certificates({key:[^/]*})"
_UNTIL: Final = "2024-07-01"

OPERATIONS: Final = (
    Operation("GET", "/supportedimages", list_images),
    Operation("GET", "/poolusagemetrics", list_usage),
    Operation("GET", "/certificates", list_certificates, until=_UNTIL),
    Operation("POST", "/certificates", add_certificate, until=_UNTIL),
    Operation("GET", _CERTIFICATE, certificate_not_found, until=_UNTIL),
    Operation("DELETE", _CERTIFICATE, certificate_not_found, until=_UNTIL),
    Operation("POST", f"{_CERTIFICATE}/canceldelete", certificate_not_found, until=_UNTIL),
)
