"""Checks versions against SemVer 2.0.0 (https://semver.org)."""

import re

from batchmgr.errors import PackageError

_NUMBER = r"(?:0|[1-9]\d*)"
_PRE_RELEASE = r"(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)"
_SEMVER = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-{_PRE_RELEASE}(?:\.{_PRE_RELEASE})*)?(?:\+[0-9A-Za-z.-]+)?",
    re.ASCII,
)
_PYTHON_PRE_RELEASE = re.compile(r"(\d+\.\d+\.\d+)\.?(a|b|rc|dev)\.?(\d+)", re.ASCII)
_PYTHON_NAMES = {"a": "alpha", "b": "beta", "rc": "rc", "dev": "dev"}


def check_semver(version: str) -> None:
    """Raise `PackageError` if the version is not SemVer. The message says why."""
    if not _SEMVER.fullmatch(version):
        raise PackageError(f"the version {version!r} is not SemVer: {_reason(version)}")


def _reason(version: str) -> str:
    if version[:1] in ("v", "V"):
        return f"it begins with a letter; write {version[1:]}"
    if python := _PYTHON_PRE_RELEASE.fullmatch(version):
        return f"write a pre-release as {python[1]}-{_PYTHON_NAMES[python[2]]}.{python[3]}"
    core = re.split(r"[-+]", version, maxsplit=1)[0]
    numbers = core.split(".")
    if len(numbers) != 3:
        return f"it needs three numbers, MAJOR.MINOR.PATCH, and {core!r} has {len(numbers)}"
    for number in numbers:
        if not (number.isascii() and number.isdigit()):
            return f"{number!r} is not a number; write MAJOR.MINOR.PATCH, such as 1.4.0"
        if number != "0" and number.startswith("0"):
            return f"the number {number!r} begins with a zero"
    return "after MAJOR.MINOR.PATCH only -PRERELEASE may follow, in letters, digits, dashes and single dots"
