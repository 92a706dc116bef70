"""Blob trigger: finalize the job whose finalize blob has arrived."""

import logging

import azure.functions as func

from batchmgr.errors import BatchmgrError
from batchmgr.plan.file_specifications import FINALIZE_CONTAINER
from batchmgr.ports import Ports
from batchmgr.runtime import Runtime
from batchmgr.settings import STORAGE
from batchmgr.usecases.finalize import finalize_or_retry

logger = logging.getLogger(__name__)


async def finalize_blob(ports: Ports, blob_name: str) -> None:
    """Finalize the job that a blob such as `batchmgr-finalize/my-job.json` belongs to.

    Its name says which job, not its content: the content was written on a node.
    """
    await finalize_or_retry(ports, blob_name.rsplit("/", 1)[-1].removesuffix(".json"))


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
        try:
            ports = await runtime.ports()
        except BatchmgrError as error:
            # The host would make all its attempts within a second.
            logger.warning("the poller finalizes %s later: %s", blob.name, error)
            return
        await finalize_blob(ports, str(blob.name))

    return functions
