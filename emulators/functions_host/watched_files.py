"""The files of an app that the host looks at while it runs: host.json and app_offline.htm."""

import asyncio
from pathlib import Path

_INTERVAL_SECONDS = 0.1


class WatchedFiles:
    """Notices that host.json is written again, and that app_offline.htm appears or goes."""

    def __init__(self, script_root: Path) -> None:
        self._host_json = script_root / "host.json"
        self._app_offline = script_root / "app_offline.htm"

    def offline_page(self) -> bytes | None:
        """Return the content of app_offline.htm, or None if the file does not exist."""
        try:
            return self._app_offline.read_bytes()
        except OSError:
            return None

    async def wait_until_online(self) -> None:
        """Return when app_offline.htm does not exist."""
        while self._app_offline.exists():  # noqa: ASYNC110 - files send no events
            await asyncio.sleep(_INTERVAL_SECONDS)

    async def wait_for_change(self) -> None:
        """Return when app_offline.htm exists, or host.json is another file than now and no longer changes."""
        first = _version(self._host_json)
        last = first
        while not self._app_offline.exists():
            await asyncio.sleep(_INTERVAL_SECONDS)
            current = _version(self._host_json)
            if current == last and current != first:
                return
            last = current


def _version(path: Path) -> tuple[int, int, int] | None:
    """Return what changes if a file is written, or None if it does not exist."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
