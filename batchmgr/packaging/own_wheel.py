"""Writes the wheel of the batchmgr that runs, for places that can't get batchmgr from a package index."""

import base64
import hashlib
from importlib.metadata import Distribution, distribution
from pathlib import Path

import batchmgr
from batchmgr.errors import PackageError
from batchmgr.packaging.reproducible_archive import EARLIEST, ArchivePlan, files_below

_TAG = "py3-none-any"
_WHEEL = f"Wheel-Version: 1.0\nGenerator: batchmgr\nRoot-Is-Purelib: true\nTag: {_TAG}\n"
_EMULATORS = ("fakebatch", "fakeidentity", "functions_host")


def own_wheel_name() -> str:
    """Return the file name of the wheel."""
    return f"batchmgr-{distribution('batchmgr').version}-{_TAG}.whl"


def write_own_wheel(directory: Path) -> Path:
    """Write the wheel into this directory, which is created, and return its path. Raises `PackageError`.

    It is made of the files that are imported now, so that it works for an installed batchmgr and for a source
    tree. The same code gives the same bytes.
    Source: https://packaging.python.org/en/latest/specifications/binary-distribution-format
    """
    installed = distribution("batchmgr")
    files: dict[str, Path | bytes] = {}
    for name in ("batchmgr", *_EMULATORS):
        package = _package_directory(name)
        files |= {f"{name}/{path}": file for path, file in _files(package)}
    info = f"batchmgr-{installed.version}.dist-info"
    files |= {f"{info}/{name}": content for name, content in _metadata(installed).items()}
    plan = ArchivePlan()
    for path, content in files.items():
        plan.add(path, content)
    plan.add(f"{info}/RECORD", _record(files, info))
    target = directory / own_wheel_name()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        plan.write(target, time=EARLIEST)
    except OSError as error:
        raise PackageError(f"{error.filename}: {error.strerror}") from error
    return target


def _package_directory(name: str) -> Path:
    root = Path(batchmgr.__file__).resolve().parents[1]
    places = [root / name, root / "emulators" / name]
    return next(place for place in places if place.is_dir())


def _files(package: Path) -> list[tuple[str, Path]]:
    """Return the files of a package. In the template, names that begin with a dot belong to it too."""
    template = "packaging/template"
    found = [(path, file) for path, file in files_below(package) if not path.startswith(f"{template}/")]
    for file in sorted((package / template).rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            found.append((file.relative_to(package).as_posix(), file))
    return found


def _metadata(installed: Distribution) -> dict[str, bytes]:
    texts = {name: installed.read_text(name) or "" for name in ("METADATA", "entry_points.txt")}
    return {name: text.encode() for name, text in (texts | {"WHEEL": _WHEEL}).items()}


def _record(files: dict[str, Path | bytes], info: str) -> bytes:
    lines = []
    for path, content in sorted(files.items()):
        data = content.read_bytes() if isinstance(content, Path) else content
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(data)}")
    return "\n".join([*lines, f"{info}/RECORD,,", ""]).encode()
