"""Operations on the files of a node: those of its tasks are below `workitems`."""

from typing import Final

from fakebatch.operations import file_operations
from fakebatch.operations.file_operations import Directory
from fakebatch.operations.operation import Service
from fakebatch.wire.operation_request import Call


def _directory(service: Service, call: Call) -> Directory:
    record, node = service.engine.store.node(call.ids["poolId"], call.ids["nodeId"])
    root = service.layout.node_root(record.pool.id, node.id)
    return Directory(root, f"{call.base}/pools/{record.pool.id}/nodes/{node.id}")


OPERATIONS: Final = file_operations.operations("/pools/{poolId}/nodes/{nodeId}/files", _directory)
