"""Operations on the users, the remote login, the logs and the extensions of a node."""

from typing import Final
from urllib.parse import quote

from fakebatch.bodies import node_access_bodies as bodies
from fakebatch.bodies.node_endpoint_views import ssh_port
from fakebatch.errors import BatchError
from fakebatch.model import node_entity as nodes
from fakebatch.model.node_entity import NodeEntity
from fakebatch.operations.operation import Operation, Service
from fakebatch.stored_pool import StoredPool
from fakebatch.wire import operation_response as responses
from fakebatch.wire.list_pages import Listing, list_response, select
from fakebatch.wire.operation_request import OperationRequest
from fakebatch.wire.operation_response import OperationResponse


def _found(service: Service, request: OperationRequest) -> tuple[StoredPool, NodeEntity]:
    return service.engine.store.node(request.ids["poolId"], request.ids["nodeId"])


async def add_user(service: Service, request: OperationRequest) -> OperationResponse:
    """Add a user to a node."""
    record, node = _found(service, request)
    name = bodies.accept_user(request.json())
    record.nodes.put(node.id, nodes.with_user(node, name))
    location = f"{request.base}/pools/{record.pool.id}/nodes/{node.id}/users/{quote(name)}"
    return OperationResponse(status=201, headers={"DataServiceId": location, "Location": location})


async def change_user(service: Service, request: OperationRequest) -> OperationResponse:
    """Change the password, the SSH key or the expiry time of a user."""
    _, node = _found(service, request)
    nodes.refuse_unknown_user(node, request.ids["userName"])
    bodies.check_user_changes(request.json())
    return OperationResponse(status=200, headers={"DataServiceId": f"{request.base}{request.path}"})


async def delete_user(service: Service, request: OperationRequest) -> OperationResponse:
    """Delete a user from a node."""
    record, node = _found(service, request)
    record.nodes.put(node.id, nodes.without_user(node, request.ids["userName"]))
    return OperationResponse(status=200)


async def remote_login(service: Service, request: OperationRequest) -> OperationResponse:
    """Get the address and port of a node for remote login. Nothing listens there."""
    _, node = _found(service, request)
    view = {"remoteLoginIPAddress": node.address, "remoteLoginPort": ssh_port(node)}
    return responses.value(request, f"{responses.ENTITIES}.RemoteLoginSettings", view)


async def remote_desktop(service: Service, request: OperationRequest) -> OperationResponse:
    """Refuse the remote desktop file. Azure Batch has one only for Windows nodes of a cloud service."""
    _found(service, request)
    reason = "Remote desktop can be used only on pools created with cloudServiceConfiguration"
    raise BatchError("OperationNotValidOnNode", Reason=reason)


async def upload_logs(service: Service, request: OperationRequest) -> OperationResponse:
    """Start to upload the service's logs about a node."""
    record, node = _found(service, request)
    directory, files = service.logs.upload(record.pool, node, bodies.accept_logs(request.json()))
    view = {"virtualDirectoryName": directory, "numberOfFilesUploaded": files}
    return responses.value(request, f"{responses.ENTITIES}.UploadBatchServiceLogsResult", view)


async def list_extensions(service: Service, request: OperationRequest) -> OperationResponse:
    """List the extensions of a node."""
    record, _ = _found(service, request)
    views = {view["vmExtension"]["name"]: view for view in bodies.extension_views(record.pool.spec)}
    listing = Listing(
        fragment="extensions", ids=sorted(views), fetch=views.__getitem__, fields={}, view=lambda view: view
    )
    return list_response(request, listing)


async def get_extension(service: Service, request: OperationRequest) -> OperationResponse:
    """Get an extension of a node."""
    record, _ = _found(service, request)
    wanted = request.ids["extensionName"]
    for view in bodies.extension_views(record.pool.spec):
        if view["vmExtension"]["name"] == wanted:
            return responses.value(request, "extensions/@Element", select(request, view))
    raise BatchError("ResourceNotFound")


_NODE: Final = "/pools/{poolId}/nodes/{nodeId}"

OPERATIONS: Final = (
    Operation("POST", f"{_NODE}/users", add_user),
    Operation("PUT", f"{_NODE}/users/{{userName}}", change_user),
    Operation("DELETE", f"{_NODE}/users/{{userName}}", delete_user),
    Operation("GET", f"{_NODE}/remoteloginsettings", remote_login),
    Operation("GET", f"{_NODE}/rdp", remote_desktop, until="2024-07-01"),
    Operation("POST", f"{_NODE}/uploadbatchservicelogs", upload_logs),
    Operation("GET", f"{_NODE}/extensions", list_extensions),
    Operation("GET", f"{_NODE}/extensions/{{extensionName}}", get_extension),
)
