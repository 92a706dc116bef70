"""Scenarios of the blob listener."""

import asyncio
import json
import signal

from tests.functions_host.recordings.replay import CONTAINER, Replay
from tests.functions_host.recordings.scenarios import Steps, scenario

_BLOB_QUEUE = "azure-webjobs-blobtrigger-probe"
_LISTINGS = "pauses between listings of the container, s"


@scenario("blob-new", seconds=20)
async def new(replay: Replay) -> None:
    """Put a blob while the host runs. This scenario tells the blob's whole way to the function."""
    replay.receipts = True
    await replay.create_container()
    await replay.start_host()
    await asyncio.sleep(3)
    await replay.upload("one.json", "ok")
    await replay.until_ended()
    await asyncio.sleep(10)
    replay.times[_LISTINGS] = replay.pauses("GET", CONTAINER)


@scenario("blob-existing")
async def existing(replay: Replay) -> None:
    """Put blobs before the host starts, one of which does not match the trigger's path."""
    await replay.create_container()
    for name in ("one.json", "one.txt", "deep/er.json"):
        await replay.upload(name, "ok")
    await replay.start_host()
    await replay.until_ended(2)
    await asyncio.sleep(5)


@scenario("blob-overwritten")
async def overwritten(replay: Replay) -> None:
    """Overwrite a blob after its run."""
    await replay.create_container()
    await replay.upload("one.json", "ok")
    await replay.start_host()
    await replay.until_ended()
    await asyncio.sleep(2)
    await replay.upload("one.json", "sleep:10")
    await replay.until_ended(2)
    await asyncio.sleep(2)


@scenario("blob-overwritten-in-work", seconds=20)
async def overwritten_in_work(replay: Replay) -> None:
    """Overwrite a blob during its run."""
    await replay.create_container()
    await replay.upload("one.json", "sleep:4000")
    await replay.start_host()
    await replay.until_started()
    await asyncio.sleep(1)
    await replay.upload("one.json", "sleep:10")
    await replay.until_ended(2)
    await asyncio.sleep(8)


@scenario("blob-restart", seconds=20)
async def restart(replay: Replay) -> None:
    """Start the host again after a blob's run."""
    await replay.create_container()
    await replay.upload("one.json", "ok")
    host = await replay.start_host()
    await replay.until_ended()
    await asyncio.sleep(2)
    await host.end(signal.SIGTERM)
    await replay.start_host()
    await asyncio.sleep(15)
    replay.facts["runs"] = len(replay.starts())


@scenario("blob-killed", seconds=20)
async def killed(replay: Replay) -> None:
    """Kill the host during a blob's run, and start it again."""
    await replay.create_container()
    await replay.upload("one.json", "sleep:60000")
    host = await replay.start_host()
    await replay.until_started()
    await asyncio.sleep(1)
    await host.end(signal.SIGKILL)
    await replay.start_host()
    await asyncio.sleep(14)


def _queued(content: str, *, wait: bool) -> Steps:
    """Put a message on the host's own queue for blobs."""

    async def steps(replay: Replay) -> None:
        await replay.create_container()
        if "one.txt" in content:
            await replay.upload("one.txt", "ok")
        await replay.send(content, queue=_BLOB_QUEUE)
        await replay.start_host()
        await replay.until_deleted(queue=_BLOB_QUEUE, patience=15 if wait else 5)
        await asyncio.sleep(3)

    return steps


def _blob_message(function: str, name: str) -> str:
    return json.dumps(
        {
            "Type": "BlobTrigger",
            "FunctionId": f"Host.Functions.{function}",
            "BlobType": "BlockBlob",
            "ContainerName": CONTAINER,
            "BlobName": name,
            "ETag": '"0x8DC0000000000AA"',
        }
    )


scenario("blob-deleted-before-run")(_queued(_blob_message("OnBlob", "gone.json"), wait=True))
scenario("blob-other-function")(_queued(_blob_message("Other", "one.txt"), wait=True))
scenario("blob-bad-message")(_queued("not JSON", wait=False))


@scenario("blob-poison")
async def poison(replay: Replay) -> None:
    """Let the function fail each time."""
    await replay.create_container()
    await replay.upload("one.json", "fail")
    await replay.start_host()
    await replay.until_deleted(queue=_BLOB_QUEUE)
    await asyncio.sleep(3)
    retries = zip(replay.ends(), replay.starts()[1:], strict=False)
    replay.times["seconds from a failure to the next attempt"] = [s.at - e.at for e, s in retries]


@scenario("blob-poison-restart", seconds=20)
async def poison_restart(replay: Replay) -> None:
    """Start the host again after a blob became poison."""
    await replay.create_container()
    await replay.upload("one.json", "fail")
    host = await replay.start_host()
    await replay.until_deleted(queue=_BLOB_QUEUE)
    await asyncio.sleep(1)
    await host.end(signal.SIGTERM)
    await replay.start_host()
    await asyncio.sleep(14)
    replay.facts["runs"] = len(replay.starts())


@scenario("blob-200", seconds=20)
async def two_hundred(replay: Replay) -> None:
    """Let the host find 200 blobs at once."""
    await replay.create_container()
    await replay.upload_many(200, "sleep:100")
    await replay.start_host()
    await replay.until_ended(200, patience=120)
    await asyncio.sleep(5)
    _count_runs(replay)
    replay.times["most at once"] = replay.most_at_once()


@scenario("blob-defaults", seconds=20)
async def defaults(replay: Replay) -> None:
    """Let the host find 60 blobs at once, without options."""
    await replay.create_container()
    await replay.upload_many(60, "sleep:1500")
    await replay.start_host()
    await replay.until_ended(60, patience=120)
    await asyncio.sleep(2)
    replay.times["most at once"] = replay.most_at_once()


@scenario("blob-two-hosts", seconds=20)
async def two_hosts(replay: Replay) -> None:
    """Let two hosts look for 40 blobs."""
    await replay.create_container()
    await replay.start_host("A")
    await replay.start_host("B")
    await replay.upload_many(40, "sleep:100")
    await replay.until_ended(40)
    await asyncio.sleep(12)
    _count_runs(replay)


def _count_runs(replay: Replay) -> None:
    paths = [event.fields["path"] for event in replay.starts()]
    replay.facts["runs"] = len(paths)
    replay.facts["differentBlobs"] = len(set(paths))


@scenario("blob-container-missing", seconds=20)
async def container_missing(replay: Replay) -> None:
    """Create the container ten seconds after the host's start."""
    await replay.start_host()
    await asyncio.sleep(10)
    await replay.create_container()
    await replay.upload("one.json", "ok")
    await replay.until_ended(patience=40)
    await asyncio.sleep(2)


@scenario("blob-metadata-and-empty")
async def metadata_and_empty(replay: Replay) -> None:
    """Put a blob with metadata, and one without content."""
    await replay.create_container()
    await replay.upload("meta.json", "ok", metadata={"colour": "red"})
    await replay.upload("empty.json", "")
    await replay.start_host()
    await replay.until_ended(2)
    await asyncio.sleep(2)


@scenario("blob-odd-names")
async def odd_names(replay: Replay) -> None:
    """Put blobs with characters in their names that URLs and JSON escape."""
    await replay.create_container()
    for name in ("a b.json", "50%20.json", "a+b.json", "ä€.json", "x#y?z.json"):
        await replay.upload(name, "ok")
    await replay.start_host()
    await replay.until_ended(5, patience=20)
    await asyncio.sleep(2)


@scenario("blob-account-by-name", seconds=65)
async def account_by_name(replay: Replay) -> None:
    """Use storage whose account is a part of the host name, as in Azure."""
    replay.options["by-name"] = "true"
    await replay.create_container()
    await replay.start_host()
    await asyncio.sleep(5)
    await replay.upload("one.json", "ok")
    await replay.until_ended(patience=90)
    await asyncio.sleep(45)
    replay.times[_LISTINGS] = replay.pauses("GET", CONTAINER)
