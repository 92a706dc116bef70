"""Operations on the files of a node."""

from typing import Final

from batchmgr.local.fakebatch.operations import files
from batchmgr.local.fakebatch.operations.files import Directory
from batchmgr.local.fakebatch.operations.table import Operation, Service
from batchmgr.local.fakebatch.wire.answers import Answer
from batchmgr.local.fakebatch.wire.calls import Call


def _directory(service: Service, call: Call) -> Directory:
    record, node = service.engine.store.node(call.ids["poolId"], call.ids["nodeId"])
    root = service.layout.node_root(record.pool.id, node.id)
    return Directory(root, f"{call.base}/pools/{record.pool.id}/nodes/{node.id}")


async def head(service: Service, call: Call) -> Answer:
    """Show the properties of a file."""
    return files.head(_directory(service, call), call)


async def get(service: Service, call: Call) -> Answer:
    """Show the content of a file."""
    return files.get(_directory(service, call), call)


async def delete(service: Service, call: Call) -> Answer:
    """Remove a file or a directory."""
    return files.delete(_directory(service, call), call)


async def list_all(service: Service, call: Call) -> Answer:
    """List the files of a node: those of its tasks are below `workitems`."""
    return files.list_all(_directory(service, call), call)


_FILE: Final = "/pools/{poolId}/nodes/{nodeId}/files/{filePath:.+}"

OPERATIONS: Final = (
    Operation("GET", "/pools/{poolId}/nodes/{nodeId}/files", list_all),
    Operation("GET", _FILE, get),
    Operation("HEAD", _FILE, head),
    Operation("DELETE", _FILE, delete),
)
