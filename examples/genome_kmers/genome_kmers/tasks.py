"""The tasks of this workload.

Their work is imported when they run: planning needs no numpy, and counting no matplotlib.
"""

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


class CountKmersTask(WorkloadTask):
    """Counts the k-mers that start in one window of the genome, and its GC content.

    Inputs: `window` (from 1), `windows`, `k`. Reads the genome; writes the `WINDOW_FILES`.
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
        )


class MergeTask(FinalizeTask):
    """Merges the windows into tables, a summary and a chart.

    Inputs: `windows`, `k`, `top`. Reads the windows' files; writes the `RESULT_FILES`.
    """

    def run(self) -> None:
        """Raises `InvalidInputError` when no window left anything to merge."""
        from genome_kmers.merge import merge_windows
        from genome_kmers.plot import draw_chart
        from genome_kmers.results import write_results

        directory = self.context.working_directory
        merged = merge_windows(
            directory / WINDOWS_DIRECTORY, windows=self.inputs["windows"], k=self.inputs["k"]
        )
        results = directory / "results"
        results.mkdir(exist_ok=True)
        write_results(merged, results, top=self.inputs["top"])
        draw_chart(merged, results / "genome_kmers.png", top=self.inputs["top"])
