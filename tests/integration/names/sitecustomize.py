"""What the name server says of `*.name.example`, in every Python process that has this folder on its path.

The name begins with the addresses: `10-0-0-1.name.example`, and `1-1-1-1--127-0-0-1.name.example` has two.
"""

import socket
from typing import Any

_DOMAIN = ".name.example"
_real = socket.getaddrinfo


def _look_up(host: Any, port: Any, *arguments: Any, **options: Any) -> Any:
    name = host.decode() if isinstance(host, bytes) else str(host)
    if not name.endswith(_DOMAIN):
        return _real(host, port, *arguments, **options)
    addresses = [part.replace("-", ".") for part in name.removesuffix(_DOMAIN).split("--")]
    return [entry for address in addresses for entry in _real(address, port, type=socket.SOCK_STREAM)]


socket.getaddrinfo = _look_up
