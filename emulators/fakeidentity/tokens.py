"""Access tokens in the shape of Microsoft Entra's. They are signed with a key that nobody else has."""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from typing import Any, Final

from fakeidentity.identities import Identity

TENANT: Final = "00000000-0000-0000-0000-00000000aaaa"
_KEY: Final = secrets.token_bytes(32)
_HEADER: Final = {"typ": "JWT", "alg": "HS256"}


@dataclass(frozen=True, kw_only=True)
class Token:
    """What a token says: who has it, for which resource, and until when, in seconds since 1970."""

    client_id: str
    audience: str
    expires: float


def issue(identity: Identity, audience: str, *, now: float, lifetime: float) -> str:
    """Return a token of the identity for a resource, such as `https://storage.azure.com`."""
    claims = {
        "aud": audience,
        "iss": f"https://sts.windows.net/{TENANT}/",
        "iat": int(now),
        "nbf": int(now),
        "exp": int(now + lifetime),
        "appid": identity.client_id,
        "oid": identity.object_id,
        "sub": identity.object_id,
        "tid": TENANT,
        "xms_mirid": identity.resource_id,
        "ver": "1.0",
    }
    text = f"{_encoded(_HEADER)}.{_encoded(claims)}"
    return f"{text}.{_signature(text)}"


def read(text: str) -> Token | None:
    """Return what a token says, or None if it was not issued here."""
    signed, _, signature = text.rpartition(".")
    # Compared as bytes, because the token of a request may contain other characters than ASCII.
    if not hmac.compare_digest(signature.encode(), _signature(signed).encode()):
        return None
    try:
        body = signed.partition(".")[2]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (binascii.Error, ValueError):
        return None
    return Token(client_id=claims["appid"], audience=claims["aud"], expires=claims["exp"])


def _encoded(facts: dict[str, Any]) -> str:
    return _base64(json.dumps(facts).encode())


def _signature(text: str) -> str:
    return _base64(hmac.digest(_KEY, text.encode(), hashlib.sha256))


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
