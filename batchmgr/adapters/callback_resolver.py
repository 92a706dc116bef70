"""Looks the hosts of receivers up: in threads of its own, and only for addresses that may be called.

A look-up can't be stopped, and may take half a minute if a name server does not answer. The event loop has
few threads for that, and the clients of Azure need them too. aiohttp connects to the addresses that it gets
from here, and asks nobody else: so what was checked is what is called.
"""

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import ip_address

from aiohttp.abc import AbstractResolver, ResolveResult

from batchmgr.model.network_addresses import Address

NOT_ALLOWED = (
    "it has an address that may not be called back, such as a private one (BATCHMGR_CALLBACK_NETWORKS)"
)


class AddressNotAllowedError(OSError):
    """A host has an address that may not be called. Its text says so, without the address."""


class CallbackResolver(AbstractResolver):
    """A resolver for aiohttp that makes up to `most` look-ups at once, and knows which addresses are fine."""

    def __init__(self, most: int, allows: Callable[[Address], bool]) -> None:
        self._threads = ThreadPoolExecutor(most, thread_name_prefix="callback-dns")
        self._allows = allows

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of a host. Raises OSError, as aiohttp expects, also if one is not allowed."""
        look_up = partial(
            socket.getaddrinfo, host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
        )
        found = await asyncio.get_running_loop().run_in_executor(self._threads, look_up)
        # One that is not allowed is no mistake among good ones: who can set it may set the others, too.
        if not all(self._allows(ip_address(str(address[0]).partition("%")[0])) for *_, address in found):
            raise AddressNotAllowedError(f"{host!r} can't be called: {NOT_ALLOWED}")
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=int(address[1]),
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        """Begin no more look-ups, and wait for none."""
        self._threads.shutdown(wait=False, cancel_futures=True)
