"""Grant an upload: a link with which a caller brings an input into a container that jobs may name."""

from datetime import timedelta

from batchmgr.errors import InvalidJobError
from batchmgr.model.task_file import BlobLink
from batchmgr.plan.file_rules import check_blob_path, check_container_name
from batchmgr.plan.file_specifications import ContainerNeed
from batchmgr.ports import Ports


async def grant_upload(ports: Ports, container: str, path: str, lifetime: timedelta) -> BlobLink:
    """Return a link for this one blob. Raise InvalidJobError for a container or a path that can't be used."""
    check_container_name(container, field="container")
    if reason := ports.containers.container_problem("", container):
        raise InvalidJobError(reason, field="container")
    check_blob_path(path, field="path")
    need = ContainerNeed(container_name=container, is_written=True)
    return await ports.links.to_upload(need, path, lifetime)
