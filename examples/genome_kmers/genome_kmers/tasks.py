"""The tasks of this workload.

Their work is imported when they run: planning needs no numpy, and counting no matplotlib.
"""

from collections.abc import Sequence
from typing import TypedDict

from batchmgr import FinalizeTask, WorkloadTask
from genome_kmers.inputs import GENOME_FILE

WINDOW_FILES = {"counts.tsv": "counts", "gc.tsv": "gc", "genome.json": "genome"}
"""What a counting task writes, and the folder of the job's container that keeps it for each window."""

WINDOWS_DIRECTORY = "windows"
"""Where, below its working directory, the FinalizeTask finds these folders."""

RESULT_FILES = (
    "results/kmers.tsv",
    "results/gc_profile.tsv",
    "results/genome_kmers.png",
    "results/summary.json",
)
"""What the FinalizeTask writes."""


class WindowInputs(TypedDict):
    """Which window of how many, from 1, and the length of the words."""

    window: int
    windows: int
    k: int


class MergeInputs(TypedDict):
    """How many windows there are, the length of the words, and how many of the commonest to show."""

    windows: int
    k: int
    top: int


class CountKmersTask(WorkloadTask[WindowInputs]):
    """Counts the k-mers that start in one window of the genome, and its GC content.

    Reads the genome; writes the `WINDOW_FILES`.
    """

    def run(self) -> None:
        """Raises `InvalidInputError` when the genome is not a FASTA file."""
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
    """Merges the windows into tables, a summary and a chart, and publishes the figures of it.

    Reads the windows' files; writes the `RESULT_FILES`.
    """

    def run(self) -> None:
        """Raises `InvalidInputError` when no window left anything to merge."""
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
        """Why the windows are missing, by their numbers."""
        if not missing_windows:
            return {}  # the manifest comes with a poll of batchmgr: a complete job need not wait for it
        # Tasks are numbered in the order in which they were added, as the windows are.
        missing = {str(window) for window in missing_windows}
        return {task.id: task.error for task in self.manifest.tasks if task.id in missing}
