"""Storage connections are configured by the same settings as in Azure."""

import pytest

from functions_host.errors import ConfigurationError
from functions_host.storage_connections import StorageConnections, StorageRetry

CONNECTION = "AccountName=a;AccountKey=a2V5;BlobEndpoint=http://x/{0};QueueEndpoint=http://x/{0};"


async def blob_and_queue_url(settings: dict[str, str], connection: str) -> tuple[str, str]:
    connections = StorageConnections(settings)
    try:
        return connections.blobs(connection).url, connections.queues(connection).url
    finally:
        await connections.close()


@pytest.mark.parametrize(
    ("settings", "connection", "account"),
    [
        ({"AzureWebJobsX": CONNECTION.format("prefixed"), "X": CONNECTION.format("bare")}, "X", "prefixed"),
        ({"X": CONNECTION.format("bare")}, "X", "bare"),
        ({"AzureWebJobsStorage": CONNECTION.format("host")}, "AzureWebJobsStorage", "host"),
        ({"AzureWebJobsStorage": CONNECTION.format("host")}, "Storage", "host"),
    ],
)
async def test_a_connection_string_is_found_with_the_prefix_first(
    settings: dict[str, str], connection: str, account: str
) -> None:
    blob, queue = await blob_and_queue_url(settings, connection)
    assert blob.rstrip("/") == f"http://x/{account}"
    assert queue.rstrip("/") == f"http://x/{account}"


async def test_development_storage_is_the_emulator_at_its_usual_ports() -> None:
    urls = await blob_and_queue_url({"AzureWebJobsStorage": "UseDevelopmentStorage=true"}, "Storage")
    assert [url.rstrip("/") for url in urls] == [
        "http://127.0.0.1:10000/devstoreaccount1",
        "http://127.0.0.1:10001/devstoreaccount1",
    ]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {"X__accountName": "acc"},
            ("https://acc.blob.core.windows.net", "https://acc.queue.core.windows.net"),
        ),
        (
            {
                "X__blobServiceUri": "https://b.example",
                "X__queueServiceUri": "https://q.example",
                "X__credential": "managedidentity",
                "X__clientId": "11111111-1111-1111-1111-111111111111",
            },
            ("https://b.example", "https://q.example"),
        ),
    ],
)
async def test_a_connection_by_identity_is_found_by_account_or_service(
    settings: dict[str, str], expected: tuple[str, str]
) -> None:
    blob, queue = await blob_and_queue_url(settings, "X")
    assert (blob.rstrip("/"), queue.rstrip("/")) == expected


def test_a_connection_that_is_not_set_is_an_error_that_says_what_to_set() -> None:
    with pytest.raises(ConfigurationError, match=r"AzureWebJobsX.*X__accountName"):
        StorageConnections({}).queues("X")
    with pytest.raises(ConfigurationError, match="X__queueServiceUri"):
        StorageConnections({"X__blobServiceUri": "https://b.example"}).queues("X")


def test_a_request_is_retried_for_about_25_seconds() -> None:
    pauses = [StorageRetry().get_backoff_time({"count": count}) for count in range(1, 6)]
    for pause, exact in zip(pauses, (0.8, 1.6, 3.2, 6.4, 12.8), strict=True):
        assert 0.799 * exact <= pause <= 1.201 * exact
    assert StorageRetry().total_retries == len(pauses)


@pytest.mark.parametrize("text", ["garbage", "AccountName=a;AccountKey=b=;x"])
def test_a_connection_string_that_is_malformed_is_an_error_that_names_the_connection(text: str) -> None:
    connections = StorageConnections({"X": text})
    with pytest.raises(ConfigurationError, match="'X'"):
        connections.queues("X")
    with pytest.raises(ConfigurationError, match="'X'"):
        connections.blobs("X")
