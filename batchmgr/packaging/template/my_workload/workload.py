"""Plans a job: a task for each chunk of the text, and a FinalizeTask that merges the counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchmgr import (
    ApplicationPackageReference,
    InputFileSpecification,
    InvalidJobError,
    JobManager,
    JobManagerBuilder,
    OutputFileSpecification,
    WorkloadBase,
)

from my_workload.tasks import (
    COUNTS_FILE,
    COUNTS_FOLDER,
    TEXT_FILE,
    WORDS_FILE,
    CountWordsTask,
    MergeCountsTask,
)

if TYPE_CHECKING:
    from batchmgr import BatchClient

MAX_CHUNKS = 100


class MyJobManager(JobManager):
    """Plans a job from its inputs. It does not read the text; the tasks do."""

    def create_job(self) -> None:
        """Add a task for each chunk, and let the FinalizeTask read their output files."""
        text, chunks = self._read_text(), self._read_chunks()
        for chunk in range(1, chunks + 1):
            task = self.add_workload_task(CountWordsTask, {"chunk": chunk, "chunks": chunks})
            task.display_name = f"chunk {chunk} of {chunks}"
            task.input_files.append(text)
            task.output_files.append(self._keep(COUNTS_FILE, f"{COUNTS_FOLDER}/{chunk}.json"))
        self.finalize_task.input_files.append(
            InputFileSpecification(
                storage_account_name=self.context.storage_account_name,
                container_name=self.context.container_name,
                source_blob_path=f"{COUNTS_FOLDER}/",  # all blobs below it, with their full names
                target_file_path="",
            )
        )
        self.finalize_task.output_files.append(self._keep(WORDS_FILE, WORDS_FILE))

    def _read_text(self) -> InputFileSpecification:
        text = self.inputs.get("text")
        if not isinstance(text, str) or "/" not in text:
            raise InvalidJobError(f"must be <container>/<path> of a text, not {text!r}", field="inputs.text")
        container, _, path = text.partition("/")
        return InputFileSpecification(
            container_name=container, source_blob_path=path, target_file_path=TEXT_FILE
        )

    def _read_chunks(self) -> int:
        chunks = self.inputs.get("chunks", 4)
        if type(chunks) is not int or not 1 <= chunks <= MAX_CHUNKS:
            raise InvalidJobError(f"must be 1 to {MAX_CHUNKS}, not {chunks!r}", field="inputs.chunks")
        return chunks

    def _keep(self, file: str, blob: str) -> OutputFileSpecification:
        return OutputFileSpecification(
            source_file_path=file,
            storage_account_name=self.context.storage_account_name,
            container_name=self.context.container_name,
            target_blob_path=blob,
        )


class MyJobManagerBuilder(JobManagerBuilder):
    """Builds the job manager of this workload."""

    job_manager_type = MyJobManager


class MyWorkload(WorkloadBase):
    """Counts the words of a text."""

    # What `batchmgr package build` makes: nodes get the code from it, in the account's default version.
    application_package = ApplicationPackageReference(
        application_id="my_workload",
    )

    def __init__(self, batch_client: BatchClient | None = None) -> None:
        super().__init__(
            batch_client,
            job_manager_builder_type=MyJobManagerBuilder,
        )
        self._entry_points_repository.register_entry_point(CountWordsTask)
        self._entry_points_repository.register_finalize_task(MergeCountsTask)
