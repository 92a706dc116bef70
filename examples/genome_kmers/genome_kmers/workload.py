"""The workload: one counting task for each window of the genome, and a FinalizeTask that merges them."""

from batchmgr import (
    BatchClient,
    InputFileSpecification,
    JobManager,
    JobManagerBuilder,
    OutputFileSpecification,
    WorkloadBase,
)
from genome_kmers.inputs import JobInputs
from genome_kmers.tasks import (
    RESULT_FILES,
    WINDOW_FILES,
    WINDOWS_DIRECTORY,
    CountKmersTask,
    MergeInputs,
    MergeTask,
    WindowInputs,
)


class GenomeJobManager(JobManager):
    """Adds a task for each window. It does not read the genome: each task finds its own part of it."""

    def create_job(self) -> None:
        """Add a task for each window, and give their output files to the FinalizeTask."""
        inputs = JobInputs.parse(self.inputs)
        for window in range(1, inputs.windows + 1):
            self._add_window(window, inputs)
        self._complete_finalize_task(inputs)

    def _add_window(self, window: int, inputs: JobInputs) -> None:
        task = self.add_workload_task(
            CountKmersTask, WindowInputs(window=window, windows=inputs.windows, k=inputs.k)
        )
        task.display_name = f"window {window} of {inputs.windows}"
        task.input_files.append(inputs.genome)
        for name, folder in WINDOW_FILES.items():
            suffix = name.partition(".")[2]
            task.output_files.append(self._output(name, f"{folder}/{window}.{suffix}"))

    def _complete_finalize_task(self, inputs: JobInputs) -> None:
        task = self.finalize_task
        task.inputs = dict(MergeInputs(windows=inputs.windows, k=inputs.k, top=inputs.top))
        for folder in WINDOW_FILES.values():
            task.input_files.append(
                InputFileSpecification(
                    container_name=self.context.container_name,
                    storage_account_name=self.context.storage_account_name,
                    source_blob_path=f"{folder}/",
                    target_file_path=WINDOWS_DIRECTORY,
                )
            )
        for name in RESULT_FILES:
            task.output_files.append(self._output(name, name))

    def _output(self, source: str, target: str) -> OutputFileSpecification:
        return OutputFileSpecification(
            source_file_path=source,
            container_name=self.context.container_name,
            storage_account_name=self.context.storage_account_name,
            target_blob_path=target,
        )


class GenomeJobManagerBuilder(JobManagerBuilder):
    """Builds the job manager of this workload."""

    job_manager_type = GenomeJobManager


class GenomeKmersWorkload(WorkloadBase):
    """Counts the k-mers of a genome, window by window, and draws them with the GC profile."""

    def __init__(self, batch_client: BatchClient | None = None) -> None:
        super().__init__(batch_client=batch_client, job_manager_builder_type=GenomeJobManagerBuilder)
        self._entry_points_repository.register_entry_point(CountKmersTask)
        self._entry_points_repository.register_finalize_task(MergeTask)
