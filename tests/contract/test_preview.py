"""A preview counts the requests that the submission really sends."""

import json
from typing import Any

import pytest

from batchmgr.adapters.azure_batch import AzureBatch
from batchmgr.ports import Ports
from batchmgr.usecases.accept import accept
from batchmgr.usecases.preview import PreviewPorts, preview
from batchmgr.usecases.submit import submit
from batchmgr.wire.job_message import decode_job


@pytest.mark.parametrize("port_set", ["real"], indirect=True)
@pytest.mark.parametrize(("count", "padding"), [(1, 1), (201, 1), (120, 20_000)])
async def test_a_preview_counts_the_requests_of_the_submission(
    ports: Ports, monkeypatch: pytest.MonkeyPatch, count: int, padding: int
) -> None:
    output = {"sourceFilePath": "out.txt", "targetBlobPath": "out/{n}.txt"}
    repeat = {"commandLine": "true {n} " + "x" * padding, "outputFiles": [output]}
    sweep = {"type": "parametricSweep", "parameters": {"n": {"start": 1, "end": count}}, "repeatTask": repeat}
    message = decode_job(json.dumps({"jobId": "job-1", "taskFactory": sweep}).encode())
    around = PreviewPorts(
        storage=ports.storage,
        workloads=ports.workloads,
        threads=ports.threads,
        default_pool_id=ports.default_pool_id,
        check_callback=ports.callbacks.check,
        keep_streams=ports.keep_streams,
    )
    answer = await preview(around, "job-1", message, limit=0)
    sizes: list[int] = []
    assert isinstance(ports.batch, AzureBatch)
    original = ports.batch._call

    async def counted(method: str, path: str, *, body: bytes | None = None, **options: Any) -> Any:
        if method in {"POST", "PATCH"}:
            sizes.append(len(body or b""))
        return await original(method, path, body=body, **options)

    monkeypatch.setattr(ports.batch, "_call", counted)
    await accept(ports, "job-1", message)
    await submit(ports, "job-1")
    assert len(sizes) == answer.calls
    assert sum(sizes) == pytest.approx(answer.bytes, rel=0.15)
    await ports.batch.terminate_job("job-1", "enough")
