"""Storage accounts as folders: `<container>/<blob>`, or `@<account>/<container>/<blob>` for other accounts.

No container's name begins with `@`, so that no account is taken for one.
"""

import shutil
from collections.abc import AsyncGenerator, Collection, Mapping
from datetime import timedelta
from pathlib import Path

from batchmgr.batch_bodies.files import ContainerGrant, Grants
from batchmgr.errors import ServiceNotFoundError
from batchmgr.plan.file_specifications import ContainerNeed


class FolderStorage:
    """The NodeStorage port, and what a node does with it.

    Blobs are written below `outputs` only; they are read there and, if they are not there, below `inputs`.
    """

    def __init__(self, outputs: Path, inputs: Path) -> None:
        self._outputs = outputs
        self._inputs = inputs

    async def grant(
        self, needs: Collection[ContainerNeed], lifetime: timedelta, *, nodes_have_identity: bool
    ) -> Grants:
        """The folder of each container. No identity is asked for here."""
        return {need: self.unsigned_grant(need, nodes_have_identity=nodes_have_identity) for need in needs}

    def unsigned_grant(self, need: ContainerNeed, *, nodes_have_identity: bool) -> ContainerGrant:
        """The folder of the container: nothing is signed here."""
        return ContainerGrant(url=_folder(self._outputs, need).as_uri())

    async def list_blobs(self, need: ContainerNeed, prefix: str) -> AsyncGenerator[str, None]:
        """The names of the blobs under a prefix. ServiceNotFoundError without the folder of the container."""
        folders = [_folder(root, need) for root in (self._inputs, self._outputs)]
        if not any(folder.is_dir() for folder in folders):
            raise ServiceNotFoundError(
                f"there is no folder {folders[0]}", code="ContainerNotFound", status=404
            )
        for name in self.list(need, ""):
            if name.startswith(prefix):
                yield name

    def blob_uri(self, need: ContainerNeed, path: str) -> str:
        """The `file` URI of a blob."""
        return (_folder(self._outputs, need) / path).as_uri()

    def find(self, need: ContainerNeed, path: str) -> Path | None:
        """The file of a blob, if it is there."""
        places = (_folder(root, need) / path for root in (self._outputs, self._inputs))
        return next((place for place in places if place.is_file()), None)

    def list(self, need: ContainerNeed, prefix: str) -> Mapping[str, Path]:
        """The files of the blobs under a prefix that is empty or ends with `/`, by their full names."""
        found: dict[str, Path] = {}
        for root in (self._inputs, self._outputs):
            container = _folder(root, need)
            files = (file for file in (container / prefix).rglob("*") if file.is_file())
            found |= {file.relative_to(container).as_posix(): file for file in files}
        return dict(sorted(found.items()))

    def keep(self, file: Path, need: ContainerNeed, path: str) -> None:
        """Keep a copy of the file as a blob, in place of the one that may be there. OSError."""
        blob = _folder(self._outputs, need) / path
        blob.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, blob)

    def place_for(self, need: ContainerNeed, path: str) -> Path:
        """Where a user puts a blob for the job to read."""
        return _folder(self._inputs, need) / path


def _folder(root: Path, need: ContainerNeed) -> Path:
    account = f"@{need.storage_account_name}" if need.storage_account_name else ""
    return root / account / need.container_name
