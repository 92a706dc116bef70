"""The `api-version`s of the protocol. Every request names one."""

from typing import Final

from fakebatch.errors import BatchError, invalid_query

VERSIONS: Final = (
    "2022-10-01.16.0",
    "2023-05-01.17.0",
    "2023-11-01.18.0",
    "2024-02-01.19.0",
    "2024-07-01.20.0",
    "2025-06-01",
)
"""The versions that the fake Batch accepts, the oldest first.

Two versions do not differ in the operations and properties that both have.
"""


def check_version(version: str | None) -> str:
    """Return the `api-version` of a request. Raises BatchError if it is missing or not one of VERSIONS."""
    if not version:
        raise BatchError("MissingRequiredQueryParameter", QueryParameterName="api-version")
    if version not in VERSIONS:
        raise invalid_query("api-version", version, "The specified api version string is invalid.")
    return version
