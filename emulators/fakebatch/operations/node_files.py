"""Operations on the files of a node: those of its tasks are below `workitems`."""

from typing import Final

from fakebatch.operations import files
from fakebatch.operations.files import Directory
from fakebatch.operations.table import Service
from fakebatch.wire.calls import Call


def _directory(service: Service, call: Call) -> Directory:
    record, node = service.engine.store.node(call.ids["poolId"], call.ids["nodeId"])
    root = service.layout.node_root(record.pool.id, node.id)
    return Directory(root, f"{call.base}/pools/{record.pool.id}/nodes/{node.id}")


OPERATIONS: Final = files.operations("/pools/{poolId}/nodes/{nodeId}/files", _directory)
