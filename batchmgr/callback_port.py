"""The ports to the receivers of callbacks, and to the workers that call them.

Their conventions are those of `ports.py`.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Protocol
from urllib.parse import urlsplit

from batchmgr.model.cloud_event import Event
from batchmgr.wire.adf_callback import AdfCallback

LONGEST_RECEIVER = 300
"""How many characters the name of a receiver has at most. A host name has 253."""


def receiver_of(uri: str) -> str:
    """Return whom a callback URI belongs to: its host and port, which are no secret; "" without a URI."""
    if not uri:
        return ""
    try:
        parts = urlsplit(uri)
        port = parts.port or (80 if parts.scheme == "http" else 443)
        return f"{parts.hostname or 'nobody'}:{port}"[:LONGEST_RECEIVER]
    except ValueError:
        return "nobody"  # it is refused later, with the reason


class CallbackSender(Protocol):
    """Whom callers have named to be told: receivers of callbacks and webhooks."""

    def check(self, uri: str) -> None:
        """Raise InvalidJobError (field callBackUri) if batchmgr may not call this URI."""
        ...

    async def send(
        self, uri: str, body: AdfCallback, webhook_id: str, limit: timedelta, traceparent: str = ""
    ) -> None:
        """POST the body once, within `limit`, in the trace of `traceparent`, if there is one.

        Raise ServiceError if it was not accepted in time; its text never holds the URI.
        """
        ...

    async def send_events(
        self, uri: str, events: Sequence[Event], webhook_id: str, limit: timedelta, traceparent: str = ""
    ) -> None:
        """Do the same with a batch of events, for a webhook."""
        ...


class Deliveries(Protocol):
    """The workers of this process that call receivers, so that nobody else waits for one.

    What they have not done is lost when the process ends. The job's record has it, and the poller starts it
    again.
    """

    def start(
        self, job_id: str, receiver: str, deliver: Callable[[], Awaitable[None]], *, again: bool = False
    ) -> None:
        """Have `deliver` called soon, and return at once; do nothing if the job's is called or waits already.

        A job with several receivers has a name for each, which begins with its id.
        A receiver is called by a few workers at once. If too many callbacks wait for it, this one is left to
        the poller. `deliver` raises nothing. With `again`, it is called once more if the job's is called just
        now: there is something new, which that call may not see.
        """
        ...
