"""Application packages, which are installed on nodes, and the references to them in pools and tasks."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fakebatch.errors import BatchError

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationPackage:
    """One version of an application, in a zip file.

    A reference without a version means the default version.
    """

    application_id: str
    version: str
    archive: Path
    is_default: bool = False

    @property
    def directory(self) -> str:
        """The name of the directory in which the package is installed."""
        return f"{self.application_id}{self.version}"

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the environment variables that hold the path of the package.

        The documentation of Azure Batch shows these names both in the case of the id and in lower case, so
        both are set.
        """
        parts = [self.application_id] if self.is_default else [self.application_id, self.version]
        name = _NOT_IN_NAMES.sub("_", "_".join(parts))
        return tuple(dict.fromkeys(f"AZ_BATCH_APP_PACKAGE_{text}" for text in (name, name.lower())))


class Applications:
    """The applications of the account. Their ids are matched without regard to case."""

    def __init__(self, packages: Iterable[ApplicationPackage] = ()) -> None:
        self._versions: dict[str, dict[str, ApplicationPackage]] = {}
        self._defaults: dict[str, ApplicationPackage] = {}
        for package in packages:
            self.add(package)

    def add(self, package: ApplicationPackage) -> None:
        """Add a version of an application. It becomes the default version if `package.is_default`."""
        key = package.application_id.lower()
        self._versions.setdefault(key, {})[package.version.lower()] = package
        if package.is_default:
            self._defaults[key] = package

    def ids(self) -> list[str]:
        """Return the ids of the applications in ordinal order."""
        return sorted(self.spelling(key) for key in self._versions)

    def spelling(self, application_id: str) -> str:
        """Return an application's id in the case in which it was added.

        Raises BatchError(ApplicationNotFound).
        """
        return next(iter(self._found(application_id).values())).application_id

    def versions(self, application_id: str) -> list[str]:
        """Return the versions of an application. Raises BatchError(ApplicationNotFound)."""
        return sorted(package.version for package in self._found(application_id).values())

    def _found(self, application_id: str) -> dict[str, ApplicationPackage]:
        versions = self._versions.get(application_id.lower())
        if versions is None:
            raise BatchError("ApplicationNotFound")
        return versions

    def find(self, reference: Mapping[str, Any]) -> ApplicationPackage | None:
        """Return the package that a reference names, or None.

        Without a version it names the default version.
        """
        key = _plain_id(reference).lower()
        version = reference.get("version")
        if version is None:
            return self._defaults.get(key)
        found = self._versions.get(key, {}).get(version.lower())
        # If a reference has a version, the environment variables have the version in their names.
        return None if found is None else replace(found, is_default=False)

    def check(self, references: Iterable[Mapping[str, Any]], *, defaults_later: bool = False) -> None:
        """Raise BatchError(InvalidApplicationPackageReferences) if a reference names no package.

        With `defaults_later`, a reference without a version is accepted even if the application has no
        default version yet.
        """
        wrong = dict(self._wrong(references, defaults_later))
        if wrong:
            raise BatchError("InvalidApplicationPackageReferences", **wrong)

    def _wrong(
        self, references: Iterable[Mapping[str, Any]], defaults_later: bool
    ) -> Iterator[tuple[str, str]]:
        for reference in references:
            known = _plain_id(reference).lower() in self._versions
            if defaults_later and known and "version" not in reference:
                continue
            if self.find(reference) is None:
                yield reference["applicationId"], "The specified application package does not exist."


def _plain_id(reference: Mapping[str, Any]) -> str:
    # A reference may hold the full Azure resource id of the application.
    return str(reference["applicationId"]).rpartition("/")[2]
