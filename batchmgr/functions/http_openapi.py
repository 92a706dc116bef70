"""HTTP trigger that describes the API: an OpenAPI document, for clients and generators."""

import azure.functions as func

from batchmgr.functions.api_operations import API_VERSION, OPERATIONS
from batchmgr.functions.http_responses import api_base, json_response
from batchmgr.functions.http_routes import Route, bind
from batchmgr.ports import Ports
from batchmgr.runtime import Runtime
from batchmgr.wire.openapi_document import openapi_document


async def get_openapi(ports: Ports, req: func.HttpRequest) -> func.HttpResponse:
    """`GET /openapi.json`: the OpenAPI document of this API, on the app as the caller has reached it."""
    return json_response(openapi_document(OPERATIONS, server=api_base(req), version=API_VERSION))


ROUTES = (Route(method="GET", path="openapi.json", handler=get_openapi),)


def blueprint(runtime: Runtime) -> func.Blueprint:
    """Return the blueprint of the route. Callers need a function key."""
    return bind(runtime, ROUTES)
