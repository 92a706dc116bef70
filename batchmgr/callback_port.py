"""The port to the receivers of callbacks. Its conventions are those of `ports.py`."""

from typing import Protocol

from batchmgr.wire.adf_callback import AdfCallback


class CallbackSender(Protocol):
    """The caller's webhook."""

    def check(self, uri: str) -> None:
        """Raise InvalidJobError (field callBackUri) if batchmgr may not call this URI."""
        ...

    async def send(self, uri: str, body: AdfCallback, webhook_id: str, traceparent: str = "") -> None:
        """POST the body once, in the trace of `traceparent`, if there is one.

        Raise ServiceError if it was not accepted; its text never holds the URI.
        """
        ...
