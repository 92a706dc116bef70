"""The tasks of this workload.

They import their libraries when they run. So planning does not need numpy, and counting does not need
matplotlib.
"""

from collections.abc import Sequence
from typing import TypedDict

from batchmgr import FinalizeTask, WorkloadTask
from genome_kmers.inputs import GENOME_FILE

WINDOW_FILES = {"counts.tsv": "counts", "gc.tsv": "gc", "genome.json": "genome"}
"""The files that a counting task writes, and the folder of the job's container for each of them."""

WINDOWS_DIRECTORY = "windows"
"""The directory, below its working directory, in which the FinalizeTask finds these folders."""

RESULT_FILES = (
    "results/kmers.tsv",
    "results/gc_profile.tsv",
    "results/genome_kmers.png",
    "results/summary.json",
)
"""The files that the FinalizeTask writes."""


class WindowInputs(TypedDict):
    """The number of the window, from 1; how many windows there are; the length of the words."""

    window: int
    windows: int
    k: int


class MergeInputs(TypedDict):
    """How many windows there are; the length of the words; how many of the most frequent to show."""

    windows: int
    k: int
    top: int


class CountKmersTask(WorkloadTask[WindowInputs]):
    """Counts the k-mers that start in one window of the genome, and its GC content.

    Reads the genome and writes the `WINDOW_FILES`.
    """

    def run(self) -> None:
        """Count the window. Raise `InvalidInputError` if the genome is not a FASTA file."""
        from genome_kmers.window import count_window

        directory = self.context.working_directory
        count_window(
            directory / GENOME_FILE,
            directory,
            window=self.inputs["window"],
            windows=self.inputs["windows"],
            k=self.inputs["k"],
            progress=lambda part: self.report_progress(part, "counting"),
        )


class MergeTask(FinalizeTask[MergeInputs]):
    """Merges the windows into tables, a summary and a chart, and publishes the most important numbers.

    Reads the files of the windows and writes the `RESULT_FILES`.
    """

    def run(self) -> None:
        """Merge the windows. Raise `InvalidInputError` if all are missing."""
        from genome_kmers.merge import merge_windows
        from genome_kmers.plot import draw_chart
        from genome_kmers.results import figures, write_results

        directory = self.context.working_directory
        merged = merge_windows(
            directory / WINDOWS_DIRECTORY, windows=self.inputs["windows"], k=self.inputs["k"]
        )
        results = directory / "results"
        results.mkdir(exist_ok=True)
        write_results(merged, results, top=self.inputs["top"])
        draw_chart(merged, results / "genome_kmers.png", top=self.inputs["top"])
        self.publish_result({**figures(merged), "missingWindows": self._reasons(merged.missing_windows)})

    def _reasons(self, missing_windows: Sequence[int]) -> dict[str, str]:
        """Return why windows are missing, by their numbers."""
        if not missing_windows:
            return {}  # do not wait for the manifest, which batchmgr's next poll writes
        # Task ids are numbers in the order in which tasks were added, as the windows are.
        missing = {str(window) for window in missing_windows}
        return {task.id: task.error for task in self.manifest.tasks if task.id in missing}
