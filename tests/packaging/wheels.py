"""Writes small wheels that pip can install without network."""

import zipfile
from pathlib import Path


def write_wheel(directory: Path, name: str, version: str, *, tag: str) -> None:
    """Write a wheel with one module and one start script."""
    directory.mkdir(exist_ok=True)
    info = f"{name}-{version}.dist-info"
    pure = str(tag.endswith("-any")).lower()
    with zipfile.ZipFile(directory / f"{name}-{version}-{tag}.whl", "w") as wheel:
        wheel.writestr(f"{name}/__init__.py", "def main() -> None: ...\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: {pure}\nTag: {tag}\n")
        wheel.writestr(f"{info}/entry_points.txt", f"[console_scripts]\n{name} = {name}:main\n")
        wheel.writestr(f"{info}/RECORD", "")
