"""The workload: a task for each tile of a grid, and a FinalizeTask that joins the tiles."""

from batchmgr import (
    BatchClient,
    InputFileSpecification,
    JobManager,
    JobManagerBuilder,
    OutputFileSpecification,
    WorkloadBase,
)
from mandelbrot_tiles.grid import Grid
from mandelbrot_tiles.inputs import JobInputs
from mandelbrot_tiles.tasks import (
    PICTURE_FILE,
    TILE_FILE,
    TILES_FOLDER,
    PictureInputs,
    RenderTileTask,
    StitchTask,
    TileInputs,
)


class MandelbrotJobManager(JobManager):
    """Adds a task for each tile of the picture."""

    def create_job(self) -> None:
        """Add a task for each tile, and give their output files to the FinalizeTask."""
        inputs = JobInputs.parse(self.inputs)
        (width, height), (columns, rows) = inputs.size, inputs.grid
        picture = PictureInputs(width=width, height=height, columns=columns, rows=rows)
        for tile in Grid(**picture).tiles:
            task = self.add_workload_task(
                RenderTileTask,
                TileInputs(
                    **picture,
                    tile=tile,
                    center=inputs.center,
                    extent=inputs.extent,
                    iterations=inputs.iterations,
                ),
            )
            task.display_name = f"tile {tile} of {columns} × {rows}"
            task.output_files.append(self._keep(TILE_FILE, f"{TILES_FOLDER}/{tile}.png"))
        self.finalize_task.inputs = dict(picture)
        self.finalize_task.input_files.append(
            InputFileSpecification(
                container_name=self.context.container_name,
                storage_account_name=self.context.storage_account_name,
                source_blob_path=f"{TILES_FOLDER}/",
                target_file_path="",
            )
        )
        self.finalize_task.output_files.append(self._keep(PICTURE_FILE, PICTURE_FILE))

    def _keep(self, file: str, blob: str) -> OutputFileSpecification:
        return OutputFileSpecification(
            source_file_path=file,
            container_name=self.context.container_name,
            storage_account_name=self.context.storage_account_name,
            target_blob_path=blob,
        )


class MandelbrotJobManagerBuilder(JobManagerBuilder):
    """Builds the job manager of this workload."""

    job_manager_type = MandelbrotJobManager


class MandelbrotWorkload(WorkloadBase):
    """Renders the Mandelbrot set in tiles."""

    def __init__(self, batch_client: BatchClient | None = None) -> None:
        super().__init__(batch_client, job_manager_builder_type=MandelbrotJobManagerBuilder)
        self._entry_points_repository.register_entry_point(RenderTileTask)
        self._entry_points_repository.register_finalize_task(StitchTask)
