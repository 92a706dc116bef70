"""Signs requests to Azure Batch with the key of the account. With an identity, nothing is signed.

Source: https://learn.microsoft.com/rest/api/batchservice/authenticate-requests-to-the-azure-batch-service
"""

import base64
import hashlib
import hmac
from email.utils import formatdate
from urllib.parse import parse_qsl, urlsplit

from azure.core.credentials import AzureNamedKeyCredential
from azure.core.pipeline import PipelineRequest
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.core.rest import AsyncHttpResponse, HttpRequest

SIGNED_HEADERS = (
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
)
"""In this order. A header that a request does not have counts as an empty line."""


class SharedKeyPolicy(SansIOHTTPPolicy[HttpRequest, AsyncHttpResponse]):
    """Signs each attempt to send a request, with its time. Raise ValueError if the key is not base64."""

    def __init__(self, credential: AzureNamedKeyCredential) -> None:
        self._account = credential.named_key.name
        self._key = base64.b64decode(credential.named_key.key)

    def on_request(self, request: PipelineRequest[HttpRequest]) -> None:
        """Add the date and the signature."""
        http_request = request.http_request
        http_request.headers["ocp-date"] = formatdate(usegmt=True)
        text = text_to_sign(self._account, http_request)
        signature = base64.b64encode(hmac.digest(self._key, text.encode(), hashlib.sha256)).decode()
        http_request.headers["Authorization"] = f"SharedKey {self._account}:{signature}"


def text_to_sign(account: str, request: HttpRequest) -> str:
    """Return what the signature of a request is made of."""
    url = urlsplit(request.url)
    headers = {name.lower(): value for name, value in request.headers.items()}
    if request.method not in {"GET", "HEAD"}:
        headers.setdefault("content-length", "0")
    return "\n".join(
        [
            request.method,
            *(headers.get(name, "") for name in SIGNED_HEADERS),
            *(f"{name}:{value}" for name, value in sorted(headers.items()) if name.startswith("ocp-")),
            f"/{account}{url.path}",
            *(f"{name}:{value}" for name, value in sorted(parse_qsl(url.query))),
        ]
    )
