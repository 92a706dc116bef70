"""Operations on applications. Applications are added by account management, not by these operations."""

from typing import Any, Final

from fakebatch.operations.operation import Operation, Service
from fakebatch.wire import operation_response as responses
from fakebatch.wire.list_pages import Listing, list_response
from fakebatch.wire.operation_request import OperationRequest
from fakebatch.wire.operation_response import OperationResponse


def _view(service: Service, application_id: str) -> dict[str, Any]:
    applications = service.engine.applications
    return {
        "id": applications.spelling(application_id),
        "versions": applications.versions(application_id),
    }


async def list_all(service: Service, request: OperationRequest) -> OperationResponse:
    """List the applications of the account."""
    listing: Listing[str] = Listing(
        fragment="listapplicationsummariesresponses",
        ids=service.engine.applications.ids(),
        fetch=lambda application_id: application_id,
        fields={},
        view=lambda application_id: _view(service, application_id),
    )
    return list_response(request, listing)


async def get(service: Service, request: OperationRequest) -> OperationResponse:
    """Get an application with its versions."""
    view = _view(service, request.ids["applicationId"])
    return responses.value(request, "getapplicationsummaryresponse/@Element", view)


OPERATIONS: Final = (
    Operation("GET", "/applications", list_all),
    Operation("GET", "/applications/{applicationId}", get),
)
