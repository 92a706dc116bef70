"""Storage accounts as folders: `<container>/<blob>`, or `@<account>/<container>/<blob>` for other accounts.

No container's name can begin with `@`, so an account's folder is never mistaken for a container's.
"""

import shutil
from collections.abc import AsyncGenerator, Collection, Mapping
from datetime import timedelta
from pathlib import Path

from batchmgr.errors import ServiceNotFoundError
from batchmgr.model.container_access import ContainerAccess, StorageAccess
from batchmgr.plan.file_specifications import ContainerNeed


class FolderStorage:
    """The NodeStorage port, and the reads and writes that a node makes.

    Blobs are written below `outputs` only. They are read from `outputs` first, then from `inputs`.
    """

    def __init__(self, outputs: Path, inputs: Path) -> None:
        self._outputs = outputs
        self._inputs = inputs

    async def grant_access(
        self, job_id: str, needs: Collection[ContainerNeed], lifetime: timedelta, *, nodes_have_identity: bool
    ) -> StorageAccess:
        """Return the folder of each container. No identity is checked."""
        return {need: self.unsigned_access(need, nodes_have_identity=nodes_have_identity) for need in needs}

    def unsigned_access(self, need: ContainerNeed, *, nodes_have_identity: bool) -> ContainerAccess:
        """Return the folder of the container. Folders need no signature."""
        return ContainerAccess(url=_folder(self._outputs, need).as_uri())

    def longest_signature(self) -> timedelta | None:
        """Return None, because folders need no signature."""
        return None

    async def list_blobs(self, need: ContainerNeed, prefix: str) -> AsyncGenerator[str, None]:
        """Yield the names of the blobs under a prefix.

        Raises ServiceNotFoundError if the container has no folder.
        """
        folders = [_folder(root, need) for root in (self._inputs, self._outputs)]
        if not any(folder.is_dir() for folder in folders):
            raise ServiceNotFoundError(
                f"there is no folder {folders[0]}", code="ContainerNotFound", status=404
            )
        for name in self.list(need, ""):
            if name.startswith(prefix):
                yield name

    def blob_uri(self, need: ContainerNeed, path: str) -> str:
        """Return the `file` URI of a blob."""
        return (_folder(self._outputs, need) / path).as_uri()

    def find(self, need: ContainerNeed, path: str) -> Path | None:
        """Return the file of a blob, or None if there is no such blob."""
        places = (_folder(root, need) / path for root in (self._outputs, self._inputs))
        return next((place for place in places if place.is_file()), None)

    def list(self, need: ContainerNeed, prefix: str) -> Mapping[str, Path]:
        """Return the files of the blobs under a prefix, by their full names.

        The prefix is empty or ends with `/`.
        """
        found: dict[str, Path] = {}
        for root in (self._inputs, self._outputs):
            container = _folder(root, need)
            files = (file for file in (container / prefix).rglob("*") if file.is_file())
            found |= {file.relative_to(container).as_posix(): file for file in files}
        return dict(sorted(found.items()))

    def write(self, file: Path, need: ContainerNeed, path: str) -> None:
        """Copy the file to a blob, and replace a blob of that name. Raises OSError."""
        blob = _folder(self._outputs, need) / path
        blob.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, blob)

    def input_path(self, need: ContainerNeed, path: str) -> Path:
        """Return where the user must put a blob for the job to read."""
        return _folder(self._inputs, need) / path


def _folder(root: Path, need: ContainerNeed) -> Path:
    account = f"@{need.storage_account_name}" if need.storage_account_name else ""
    return root / account / need.container_name
