"""Tokens of a node's managed identity for Azure Storage, from the instance metadata service of its machine.

The service allows few requests a second for all tasks of a node, so a token is kept until shortly before its
end. The modules that are needed are imported when they are used, so that other tasks start quickly.

Source: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
"""

from __future__ import annotations

import json
import os
import time
from typing import Any
from urllib.parse import quote

_SERVICE = "http://169.254.169.254"
_PATH = (
    "/metadata/identity/oauth2/token"
    "?api-version=2018-02-01&resource=https%3A%2F%2Fstorage.azure.com%2F&msi_res_id="
)
_TIMEOUT = 10
_PAUSES = (1, 2, 4)
_PASSING = (404, 410, 429)
"""Besides 5xx, what the service answers while it is updated or has too much to do."""

_SPARE_SECONDS = 300
_kept: dict[str, tuple[str, float]] = {}


def storage_token(identity: str) -> str:
    """Return a token of a managed identity, by its resource id, that lasts for some minutes at least.

    A token whose whole life is shorter is asked for each time. Raise `OSError`, which names the identity, if
    there is none.
    """
    token, ends_at = _kept.get(identity, ("", 0.0))
    if time.time() >= ends_at - _SPARE_SECONDS:
        facts = _ask(identity)
        token, ends_at = str(facts["access_token"]), float(facts.get("expires_on", 0))
        _kept[identity] = (token, ends_at)
    return token


def _ask(identity: str) -> dict[str, Any]:
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    # Azure's own clients know this variable too. The local stack sets it.
    service = os.environ.get("AZURE_POD_IDENTITY_AUTHORITY_HOST") or _SERVICE
    url = service.rstrip("/") + _PATH + quote(identity, safe="")
    request = Request(url, headers={"Metadata": "true"})  # noqa: S310
    pauses = list(_PAUSES)
    while True:
        try:
            with urlopen(request, timeout=_TIMEOUT) as response:  # noqa: S310
                facts: dict[str, Any] = json.load(response)
                return facts
        except HTTPError as error:
            with error:
                reason = error.read(1000).decode(errors="replace")
            if not pauses or not (error.code in _PASSING or error.code >= 500):
                text = f"the node gets no token of the identity {identity}: {error.code} {reason}"
                raise OSError(text) from error
        time.sleep(pauses.pop(0))
