"""The tokens with which tasks call the operations of their job without the account key."""

import base64
import binascii
import hashlib
import hmac
from typing import Final
from urllib.parse import unquote

from fakebatch.wire.shared_key import ACCOUNT_KEY

_KIND: Final = "job"


def issue(job_id: str) -> str:
    """Return a token for the operations of a job."""
    text = base64.urlsafe_b64encode(job_id.encode()).decode()
    return f"{_KIND}.{text}.{_signature(text)}"


def job_of(token: str) -> str | None:
    """Return the id of the job for which a token was issued, or None if the token is not one of ours."""
    kind, _, rest = token.partition(".")
    text, _, signature = rest.partition(".")
    # Compared as bytes, because the token of the request may contain other characters than ASCII.
    if kind != _KIND or not hmac.compare_digest(signature.encode(), _signature(text).encode()):
        return None
    try:
        return base64.urlsafe_b64decode(text).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def allows(job_id: str, path: str) -> bool:
    """Return whether a path, as sent, is that of the job or of something in the job."""
    _, *parts = [unquote(part) for part in path.split("/")]
    return [part.lower() for part in parts[:2]] == ["jobs", job_id.lower()]


def _signature(text: str) -> str:
    return hmac.digest(ACCOUNT_KEY.encode(), f"{_KIND}.{text}".encode(), hashlib.sha256).hex()
