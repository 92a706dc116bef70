"""Remembers in a file which versions of blobs a subscription is done with, so that a restart loses no event.

An event is done when it was delivered, dead-lettered or dropped. The file has one JSON array a line:
`["container", "blob", "tag"]`. Lines are appended; the last line of a blob counts.
"""

import json
import os
from collections.abc import Mapping
from io import TextIOWrapper
from pathlib import Path

from functions_host.errors import SubscriptionError
from functions_host.event_grid.blob_watch import BlobKey, BlobVersion


class DeliveryLog:
    """The log of one subscription. Without a path, nothing is remembered."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: TextIOWrapper | None = None

    def read(self) -> dict[BlobKey, str] | None:
        """Return the tags of the versions that are done, or None if the log does not exist yet.

        A last line that was cut off by a crash is ignored. Raises SubscriptionError if the log is unreadable.
        """
        if self._path is None or not self._path.exists():
            return None
        tags = {}
        lines = self._path.read_text().split("\n")
        try:
            for line in lines[:-1]:
                container, name, tag = json.loads(line)
                tags[container, name] = tag
        except ValueError as error:
            raise SubscriptionError(f"'{self._path}' is not a log of deliveries: {error}") from error
        return tags

    def open(self, tags: Mapping[BlobKey, str]) -> None:
        """Replace the content of the log, and keep it open for `add`. Raises SubscriptionError."""
        if self._path is None:
            return
        lines = [_line(container, name, tag) for (container, name), tag in tags.items()]
        new = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            new.write_text("".join(lines))
            os.replace(new, self._path)
            self._file = self._path.open("a")
        except OSError as error:
            raise SubscriptionError(f"cannot write '{self._path}': {error.strerror}") from error

    def add(self, version: BlobVersion) -> None:
        """Remember that a version is done."""
        if self._file is not None:
            self._file.write(_line(version.container, version.name, version.tag))
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


def _line(container: str, name: str, tag: str) -> str:
    return json.dumps([container, name, tag]) + "\n"
