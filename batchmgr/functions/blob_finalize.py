"""Blob trigger: finalize the job whose finalize blob has arrived."""

import azure.functions as func

from batchmgr.bootstrap import Runtime
from batchmgr.plan.file_specifications import FINALIZE_CONTAINER
from batchmgr.ports import Ports
from batchmgr.settings import STORAGE
from batchmgr.steps.obstacles import attempt
from batchmgr.usecases.finalize import finalize


async def finalize_blob(ports: Ports, blob_name: str) -> None:
    """Finalize the job that a blob such as `batchmgr-finalize/my-job.json` belongs to.

    Its name says which job, not its content: the content was written on a node.
    """
    await attempt(ports, blob_name.rsplit("/", 1)[-1].removesuffix(".json"), "finalize", finalize)


def blueprint(runtime: Runtime) -> func.Blueprint:
    """Return the blueprint of the trigger. Its source is a setting.

    Flex Consumption takes blob events from Event Grid only. Azurite raises none, so the local stack has a
    stand-in for Event Grid, and `func start` alone scans.
    """
    functions = func.Blueprint()

    @functions.blob_trigger(
        arg_name="blob",
        path=f"{FINALIZE_CONTAINER}/{{jobId}}.json",
        connection=STORAGE,
        source=func.BlobSource(runtime.settings.blob_source),
    )
    async def finalize_job(blob: func.InputStream) -> None:
        await finalize_blob(await runtime.ports(), str(blob.name))

    return functions
