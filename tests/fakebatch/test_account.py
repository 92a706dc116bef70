"""Operations on the account, and API versions."""

from pathlib import Path

import pytest
from azure.batch.aio import BatchClient

from fakebatch.server import Options, serving
from fakebatch.wire.api_versions import VERSIONS
from tests.fakebatch.raw_http import request


async def test_the_images_of_nodes_are_listed(batch: BatchClient) -> None:
    images = [image async for image in batch.list_supported_images(max_results=20)]
    assert len(images) == 70
    chosen = (
        "osType eq 'linux' and verificationType eq 'verified' and nodeAgentSKUId eq 'batch.node.ubuntu 20.04'"
    )
    found = [image async for image in batch.list_supported_images(filter=chosen)]
    assert found
    assert {image.node_agent_sku_id for image in found} == {"batch.node.ubuntu 20.04"}


async def test_no_usage_of_pools_is_known(endpoint: str, batch: BatchClient) -> None:
    assert [usage async for usage in batch.list_pool_usage_metrics()] == []
    reply = await request(endpoint, "GET", "/poolusagemetrics", query={"startTime": "noon"})
    assert (reply.status, reply.code) == (400, "InvalidQueryParameterValue")


@pytest.mark.parametrize("version", VERSIONS)
async def test_every_version_is_answered(endpoint: str, version: str) -> None:
    assert (await request(endpoint, "GET", "/pools/hpc", query={"api-version": version})).status == 200


@pytest.mark.parametrize("version", ["2001-01-01.0.0", "2025-06-01.0", "latest"])
async def test_a_version_that_does_not_exist_is_refused(endpoint: str, version: str) -> None:
    reply = await request(endpoint, "GET", "/pools/hpc", query={"api-version": version})
    assert (reply.status, reply.code) == (400, "InvalidQueryParameterValue")
    assert reply.values == {
        "QueryParameterName": "api-version",
        "QueryParameterValue": version,
        "Reason": "The specified api version string is invalid.",
    }


_OLD = "2024-02-01.19.0"
_CERTIFICATE = "/certificates(thumbprintAlgorithm=sha1,thumbprint=abc)"


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("POST", "/certificates", "Forbidden"),
        ("GET", _CERTIFICATE, "CertificateNotFound"),
        ("DELETE", _CERTIFICATE, "CertificateNotFound"),
        ("POST", f"{_CERTIFICATE}/canceldelete", "CertificateNotFound"),
        ("GET", "/pools/hpc/nodes/none/rdp", "NodeNotFound"),
    ],
)
async def test_the_operations_that_went_are_those_of_the_old_version(
    endpoint: str, method: str, path: str, code: str
) -> None:
    assert (await request(endpoint, method, path, query={"api-version": _OLD})).code == code
    gone = await request(endpoint, method, path)
    assert (gone.status, gone.code) == (400, "InvalidUri")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("targetNodeCommunicationMode", "classic"),
        ("resourceTags", {"a": "b"}),
        ("applicationLicenses", ["maya"]),
        ("certificateReferences", []),
        ("cloudServiceConfiguration", {"osFamily": "7"}),
    ],
)
async def test_the_properties_that_went_are_those_of_the_old_version(
    endpoint: str, name: str, value: object
) -> None:
    body = {"id": "old", "vmSize": "small", name: value}
    refused = await request(endpoint, "POST", "/pools", body)
    assert (refused.status, refused.code) == (400, "InvalidRequestBody")
    assert (await request(endpoint, "POST", "/pools", body, query={"api-version": _OLD})).status == 201


@pytest.mark.parametrize("operation", ["start", "deallocate"])
async def test_the_operations_that_came_are_not_those_of_the_old_version(
    endpoint: str, operation: str
) -> None:
    path = f"/pools/hpc/nodes/none/{operation}"
    assert (await request(endpoint, "POST", path)).code == "NodeNotFound"
    assert (await request(endpoint, "POST", path, query={"api-version": _OLD})).code == "InvalidUri"


async def test_no_certificate_can_be_referred_to(endpoint: str) -> None:
    body = {"id": "p", "vmSize": "small", "certificateReferences": [{"thumbprint": "abc"}]}
    reply = await request(endpoint, "POST", "/pools", body, query={"api-version": _OLD})
    assert (reply.status, reply.code) == (404, "CertificateNotFound")


async def test_there_are_no_certificates(endpoint: str) -> None:
    reply = await request(endpoint, "GET", "/certificates", query={"api-version": _OLD})
    assert (reply.status, reply.json["value"]) == (200, [])


async def test_remote_desktop_is_for_other_nodes(endpoint: str) -> None:
    nodes = (await request(endpoint, "GET", "/pools/hpc/nodes")).json["value"]
    path = f"/pools/hpc/nodes/{nodes[0]['id']}/rdp"
    reply = await request(endpoint, "GET", path, query={"api-version": _OLD})
    assert (reply.status, reply.code) == (409, "OperationNotValidOnNode")


async def test_a_loose_service_leaves_out_what_it_does_not_know(tmp_path: Path) -> None:
    async with serving(Options(root=tmp_path, loose=True)) as endpoint:
        body = {"id": "job", "color": "red", "poolInfo": {"poolId": "p", "size": 1}}
        assert (await request(endpoint, "POST", "/jobs", body)).status == 201
        assert (await request(endpoint, "PATCH", "/jobs/job", {"priority": 5, "color": "red"})).status == 200
        job = (await request(endpoint, "GET", "/jobs/job")).json
        assert (job["priority"], job["poolInfo"], "color" in job) == (5, {"poolId": "p"}, False)
