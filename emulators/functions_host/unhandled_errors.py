"""Errors of listeners that nothing handled. As in the real host, each of them ends the host."""

import asyncio
import logging

_log = logging.getLogger(__name__)


class UnhandledErrors:
    """Collects the errors that a listener cannot go on after.

    Examples are a storage account that cannot be reached until all retries are used up, and an access key
    that is wrong. The real host logs such an error and ends, so that whoever runs it starts it again.
    """

    def __init__(self) -> None:
        self.occurred = asyncio.Event()
        """Set as soon as there is an error. The host then has to end."""
        self.messages: list[str] = []
        """One line for each error, for `/admin/host/status`."""

    def report(self, listener: str, error: BaseException) -> None:
        """Log an error and ask the host to end. `listener` says what failed, such as `queue 'orders'`."""
        _log.critical(
            "An unhandled error has occurred in the listener of %s. The host is shutting down.",
            listener,
            exc_info=error,
        )
        self.messages.append(f"{listener}: {type(error).__name__}: {error}")
        self.occurred.set()
