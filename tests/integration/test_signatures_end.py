"""A job that takes longer than its signatures last, with an Azurite that refuses them and real tasks."""

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from batchmgr.adapters.blob_finalize_signal import BlobFinalizeSignal
from batchmgr.model.job_states import JobState
from batchmgr.plan.file_specifications import FINALIZE_CONTAINER
from batchmgr.plan.job_plan import FINALIZE_TASK_ID
from batchmgr.steps import plan_job
from tests.integration.emulated_services import start_services
from tests.integration.messages import job, output, task


async def _keep(_: BlobFinalizeSignal, __: str) -> None:
    """Leave the finalize blob of a job that is over where it is."""


@pytest.mark.parametrize("has_output", [pytest.param(False, marks=pytest.mark.thorough), True])
async def test_a_job_ends_with_the_truth_although_its_signatures_have_ended(
    tmp_path: Path, connection_string: str, monkeypatch: pytest.MonkeyPatch, has_output: bool
) -> None:
    monkeypatch.setattr(plan_job, "DEFAULT_LIFETIME", timedelta(seconds=1))
    monkeypatch.setattr(plan_job, "SPARE_TIME", timedelta(0))
    monkeypatch.setattr(BlobFinalizeSignal, "delete", _keep)  # to see who has written it
    outputs = {"outputFiles": [output("../stdout.txt", "said.txt")]} if has_output else {}
    async with start_services(tmp_path, connection_string) as services:
        record = await services.run(job("long", task("work", "sleep 3", **outputs)))
        tasks = await services.tasks("long")
        blob = services.blobs.get_blob_client(FINALIZE_CONTAINER, "long.json")
        content = msgspec.json.decode(await (await blob.download_blob()).readall())
        warnings = [one for one in await services.events("long") if one.type == "batchmgr.job.warning"]
    assert content["writtenBy"] == "batchmgr"
    finalize = tasks[FINALIZE_TASK_ID]
    assert finalize.has_failed
    assert finalize.error is not None
    assert finalize.error.type == "FileUploadAccessDenied"
    assert len(warnings) == has_output  # without files, nothing is lost: the poller ends the job
    if not has_output:
        assert (record.state, record.error) == (JobState.SUCCEEDED, None)
        return
    assert record.state is JobState.FAILED
    assert record.error is not None
    assert record.error.code == "FileUploadAccessDenied"
    assert "signatures had ended at" in record.error.message
