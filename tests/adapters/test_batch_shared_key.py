"""Requests are signed with the account's key as the client of azure-batch signs them."""

import base64

import pytest
from azure.batch._patch import BatchSharedKeyAuthPolicy
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.pipeline import PipelineContext, PipelineRequest
from azure.core.rest import HttpRequest

from batchmgr.adapters.batch_shared_key import SharedKeyPolicy

URL = "https://account.westeurope.batch.azure.com"
KEY = AzureNamedKeyCredential("account", base64.b64encode(b"a key").decode())
JSON = "application/json; odata=minimalmetadata"
REQUESTS = {
    "get": HttpRequest("GET", f"{URL}/jobs/j", params={"api-version": "2025-06-01"}),
    "filter": HttpRequest(
        "GET",
        f"{URL}/jobs/j/tasks",
        params={"api-version": "2025-06-01", "$filter": "state eq 'active'", "$select": "id,state"},
    ),
    "next page": HttpRequest("GET", f"{URL}/jobs/j/tasks?$skipToken=a%2Bb%3D&api-version=2025-06-01&empty="),
    "odd path": HttpRequest("HEAD", f"{URL}/jobs/j/tasks/1/files/wd%2Fa%20b%C3%A9.txt"),
    "range": HttpRequest("GET", f"{URL}/jobs/j/tasks/1/files/f", headers={"ocp-range": "bytes=0-9"}),
    "body": HttpRequest("POST", f"{URL}/jobs", content=b"{}", headers={"Content-Type": JSON}),
    "no body": HttpRequest("POST", f"{URL}/jobs/j/terminate"),
    "delete": HttpRequest("DELETE", f"{URL}/jobs/j/tasks/1"),
    "condition": HttpRequest(
        "PATCH", f"{URL}/jobs/j", content=b"{}", headers={"If-Match": '"0x0"', "Content-Type": JSON}
    ),
}


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_a_request_is_signed_as_the_official_client_signs_it(request_: HttpRequest) -> None:
    piped = PipelineRequest(request_, PipelineContext(None))
    SharedKeyPolicy(KEY).on_request(piped)
    signature = request_.headers.pop("Authorization")
    BatchSharedKeyAuthPolicy(KEY).on_request(piped)  # it keeps the date of the request
    assert signature == request_.headers["Authorization"]


def test_each_attempt_is_signed_anew() -> None:
    request = HttpRequest("GET", f"{URL}/jobs/j", headers={"ocp-date": "long ago", "Authorization": "old"})
    SharedKeyPolicy(KEY).on_request(PipelineRequest(request, PipelineContext(None)))
    assert request.headers["ocp-date"].endswith("GMT")
    assert request.headers["Authorization"].startswith("SharedKey account:")
