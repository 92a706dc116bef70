"""Operations on the ways into a node: its users, its address, its logs and its extensions."""

from typing import Final
from urllib.parse import quote

from fakebatch.bodies import node_access_bodies as bodies
from fakebatch.bodies.node_endpoint_views import ssh_port
from fakebatch.errors import BatchError
from fakebatch.model import stored_node as nodes
from fakebatch.model.stored_node import Node
from fakebatch.operations.operation import Operation, Service
from fakebatch.store import PoolRecord
from fakebatch.wire import operation_response as responses
from fakebatch.wire.list_pages import Listing, answer_list, select
from fakebatch.wire.operation_request import Call
from fakebatch.wire.operation_response import Answer


def _found(service: Service, call: Call) -> tuple[PoolRecord, Node]:
    return service.engine.store.node(call.ids["poolId"], call.ids["nodeId"])


async def add_user(service: Service, call: Call) -> Answer:
    """Add a user to a node."""
    record, node = _found(service, call)
    name = bodies.accept_user(call.json())
    record.nodes.put(node.id, nodes.with_user(node, name))
    location = f"{call.base}/pools/{record.pool.id}/nodes/{node.id}/users/{quote(name)}"
    return Answer(status=201, headers={"DataServiceId": location, "Location": location})


async def change_user(service: Service, call: Call) -> Answer:
    """Change the password, the key or the end of a user."""
    _, node = _found(service, call)
    nodes.refuse_unknown_user(node, call.ids["userName"])
    bodies.check_user_changes(call.json())
    return Answer(status=200, headers={"DataServiceId": f"{call.base}{call.path}"})


async def delete_user(service: Service, call: Call) -> Answer:
    """Remove a user from a node."""
    record, node = _found(service, call)
    record.nodes.put(node.id, nodes.without_user(node, call.ids["userName"]))
    return Answer(status=200)


async def remote_login(service: Service, call: Call) -> Answer:
    """Tell the address of a node for remote login; nothing listens there."""
    _, node = _found(service, call)
    view = {"remoteLoginIPAddress": node.address, "remoteLoginPort": ssh_port(node)}
    return responses.value(call, f"{responses.ENTITIES}.RemoteLoginSettings", view)


async def remote_desktop(service: Service, call: Call) -> Answer:
    """Refuse the file for remote desktop, as for every node that is no Windows machine of a cloud service."""
    _found(service, call)
    reason = "Remote desktop can be used only on pools created with cloudServiceConfiguration"
    raise BatchError("OperationNotValidOnNode", Reason=reason)


async def upload_logs(service: Service, call: Call) -> Answer:
    """Begin to upload the logs of the service about a node."""
    record, node = _found(service, call)
    directory, files = service.logs.upload(record.pool, node, bodies.accept_logs(call.json()))
    view = {"virtualDirectoryName": directory, "numberOfFilesUploaded": files}
    return responses.value(call, f"{responses.ENTITIES}.UploadBatchServiceLogsResult", view)


async def list_extensions(service: Service, call: Call) -> Answer:
    """List the extensions of a node."""
    record, _ = _found(service, call)
    views = {view["vmExtension"]["name"]: view for view in bodies.extension_views(record.pool.spec)}
    listing = Listing(
        fragment="extensions", ids=sorted(views), fetch=views.__getitem__, fields={}, view=lambda view: view
    )
    return answer_list(call, listing)


async def get_extension(service: Service, call: Call) -> Answer:
    """Show an extension of a node."""
    record, _ = _found(service, call)
    wanted = call.ids["extensionName"]
    for view in bodies.extension_views(record.pool.spec):
        if view["vmExtension"]["name"] == wanted:
            return responses.value(call, "extensions/@Element", select(call, view))
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
