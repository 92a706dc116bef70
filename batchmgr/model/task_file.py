"""Files of tasks and links to blobs, as values."""

from datetime import datetime

import msgspec


class TaskFile(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What is known of a file of a task. `path` is relative to the task's directory: `wd/out.txt`."""

    path: str
    size: int
    last_modified: datetime | None = None


class BlobLink(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A signed link to one blob. `size` is that of the blob, or 0 if it is to be written."""

    uri: str
    expires_at: datetime
    size: int = 0
