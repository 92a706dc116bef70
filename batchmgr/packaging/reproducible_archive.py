"""Writes zip files that are the same, byte for byte, on any machine and at any time, for the same content."""

import os
import zipfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from batchmgr.errors import PackageError

EARLIEST = datetime(1980, 1, 1, tzinfo=UTC)
"""The earliest time that a zip file can hold."""

_LATEST = datetime(2107, 12, 31, tzinfo=UTC)
_FILE = 0o100644
_PROGRAM = 0o100755


class ArchivePlan:
    """Collects the files of an archive, by their path in it, and writes the archive."""

    def __init__(self) -> None:
        self._entries: dict[str, Path | bytes] = {}

    def add(self, path: str, content: Path | bytes) -> None:
        """Add a file, or bytes. Raises `PackageError` if the path is used already."""
        if path in self._entries:
            raise PackageError(f"two parts of the package contain a file {path}; remove one of them")
        self._entries[path] = content

    def add_all(self, files: Mapping[str, Path]) -> None:
        """Add these files."""
        for path, file in files.items():
            self.add(path, file)

    def write(self, target: Path, *, time: datetime) -> None:
        """Write the zip file. Every entry gets this time, or the nearest one that a zip file can hold."""
        moment = min(max(time, EARLIEST), _LATEST).astimezone(UTC)
        unfinished = target.with_name(f".{target.name}.part")
        try:
            with zipfile.ZipFile(unfinished, "w") as archive:
                for path in sorted(self._entries):
                    _write(archive, path, self._entries[path], moment)
            os.replace(unfinished, target)
        finally:
            unfinished.unlink(missing_ok=True)


def files_below(directory: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files in a directory that belong in a package, with their relative paths.

    Bytecode and names that begin with a dot are left out. Raises `PackageError` for a link to a directory,
    because it would add files from outside the directory.
    """
    for file in sorted(directory.iterdir()):
        if file.name.startswith(".") or file.name == "__pycache__" or file.suffix in (".pyc", ".pyo"):
            continue
        if not file.is_dir():
            yield file.name, file
        elif file.is_symlink():
            raise PackageError(f"{file} is a link to a directory; replace it with the files themselves")
        else:
            yield from ((f"{file.name}/{path}", below) for path, below in files_below(file))


def _write(archive: zipfile.ZipFile, path: str, content: Path | bytes, moment: datetime) -> None:
    entry = zipfile.ZipInfo(path, moment.timetuple()[:6])
    entry.create_system = 3  # Unix file modes, on every operating system
    # Not compressed, because versions of zlib compress the same content to different bytes.
    entry.compress_type = zipfile.ZIP_STORED
    is_program = isinstance(content, Path) and content.stat().st_mode & 0o100
    entry.external_attr = (_PROGRAM if is_program else _FILE) << 16
    archive.writestr(entry, content.read_bytes() if isinstance(content, Path) else content)
