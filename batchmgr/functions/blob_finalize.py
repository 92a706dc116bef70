"""Blob trigger: a finalize blob brings its job to its end."""

import azure.functions as func

from batchmgr.bootstrap import Runtime
from batchmgr.plan.file_specifications import FINALIZE_CONTAINER
from batchmgr.settings import STORAGE
from batchmgr.usecases.finalize import finalize


def blueprint(runtime: Runtime) -> func.Blueprint:
    """The blob trigger. Its source is a setting: Flex Consumption takes Event Grid only, Azurite scans."""
    functions = func.Blueprint()

    @functions.blob_trigger(
        arg_name="blob",
        path=f"{FINALIZE_CONTAINER}/{{jobId}}.json",
        connection=STORAGE,
        source=func.BlobSource(runtime.settings.blob_source),
    )
    async def finalize_job(blob: func.InputStream) -> None:
        # The name, not the content, says which job: the content was written on a node.
        name = str(blob.name).rsplit("/", 1)[-1]
        await finalize(await runtime.ports(), name.removesuffix(".json"))

    return functions
