"""The options of a job host."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class JobHostOptions:
    """The options of a host."""

    script_root: Path = Path()
    """The directory of function_app.py and host.json."""
    address: str = "127.0.0.1"
    port: int = 7071
    """0 means any free port."""
    enable_auth: bool = False
    """Whether access keys are checked, as in Azure. `func start` also needs an option for that."""
    blob_scan_interval: float | None = None
    """Seconds between two scans for new blobs. None means as the real host: 2 s where the account is part of
    the path of storage URLs, as in Azurite, and 10 s where it is part of the host name, as in Azure."""
    receive_visibility: timedelta | None = None
    """How long a received message stays hidden if this host is killed. None means ten minutes, as in the real
    host, or 30 seconds if the host is patient."""
    patient: bool = False
    """Whether the host spares developers the waits of the real host. An output then ends the pause of the
    listener of its queue, and queues are polled every 2 seconds at least. After a kill, the timers and the
    blob scan of this machine go on within seconds, not after up to a minute."""
