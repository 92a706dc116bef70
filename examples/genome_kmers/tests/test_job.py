import json
import os
import shlex
import shutil
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from batchmgr import InvalidJobError, JobContext, JobSpecification
from batchmgr.model.completion import complete
from batchmgr.model.plan import JobPlan, TaskPlan
from batchmgr.workload.planning import draft_job
from batchmgr.workload.registry import WorkloadRegistry

LAMBDA = Path(__file__).parents[1] / "data" / "NC_001416.1.fa"


def plan(**inputs: object) -> JobPlan:
    context = JobContext(job_id="kmers-001", inputs=inputs, job=JobSpecification(pool_id="hpc"))
    draft = draft_job(WorkloadRegistry().load("genome_kmers"), context)
    return complete("kmers-001", draft, '{"jobId":"kmers-001"}')


class Job:
    """Runs planned tasks as processes, with a folder in place of the storage account."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.storage = root / "storage"

    def run(self, task: TaskPlan) -> subprocess.CompletedProcess[str]:
        directory = self._root / task.id
        directory.mkdir()
        for file in task.input_files:
            container = self.storage / file.container_name
            sources = (
                container.glob(f"{file.source_blob_path}*")
                if file.is_prefix
                else [container / file.source_blob_path]
            )
            for source in sources:
                name = Path(file.target_file_path)
                target = directory / (name / source.relative_to(container) if file.is_prefix else name)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target)
        program, *arguments = shlex.split(task.command_line)
        assert program == "python3"
        done = subprocess.run(
            [sys.executable, *arguments],
            env={"PATH": os.environ["PATH"], "HOME": str(directory), **task.environment},
            cwd=directory,
            capture_output=True,
            text=True,
            check=False,
        )
        for output in task.output_files:
            if done.returncode == 0 or output.upload_condition == "taskCompletion":
                blob = self.storage / output.container_name / output.target_blob_path
                blob.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(directory / output.source_file_path, blob)
        return done


@pytest.fixture
def job(tmp_path: Path) -> Job:
    job = Job(tmp_path)
    (job.storage / "genomes").mkdir(parents=True)
    shutil.copy(LAMBDA, job.storage / "genomes" / "lambda.fa")
    return job


def test_the_plan_has_a_task_a_window_and_needs_no_genome() -> None:
    job = plan(genome="genomes/lambda.fa")
    assert [task.id for task in job.tasks] == [str(i) for i in range(1, 9)]
    assert {task.command_line for task in job.tasks} == {"python3 -m genome_kmers task CountKmersTask"}
    third = job.tasks[2]
    assert third.display_name == "window 3 of 8"
    assert json.loads(third.environment["BATCHMGR_TASK_INPUTS"]) == {"window": 3, "windows": 8, "k": 6}
    assert third.input_files[0].container_name == "genomes"
    assert [file.target_blob_path for file in third.output_files] == [
        "counts/3.tsv",
        "gc/3.tsv",
        "genome/3.json",
    ]
    assert {file.container_name for file in third.output_files} == {"job-kmers-001"}
    finalize = job.finalize_task
    assert [file.source_blob_path for file in finalize.input_files] == ["counts/", "gc/", "genome/"]
    assert finalize.depends_on == tuple(task.id for task in job.tasks)
    assert [file.target_blob_path for file in finalize.output_files] == [
        "results/kmers.tsv",
        "results/gc_profile.tsv",
        "results/genome_kmers.png",
        "results/summary.json",
        "kmers-001.json",
    ]


def test_the_genome_may_be_a_url() -> None:
    job = plan(genome="https://genomes.example/lambda.fa.gz?sig=abc", windows=1)
    assert job.tasks[0].input_files[0].http_url == "https://genomes.example/lambda.fa.gz?sig=abc"


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("k", [0, 13, True, 6.0, "6", None]),
        ("windows", [0, 10_001, False]),
        ("top", [0, 101, [20]]),
        (
            "genome",
            [None, "", "lambda.fa", "genomes/", "genomes/folder/", 5, "file:///etc/passwd", "https://"],
        ),
        ("genome.containerName", ["Genomes/lambda.fa", "/lambda.fa"]),
        ("genome.sourceBlobPath", ["genomes/../lambda.fa", "genomes//lambda.fa"]),
        ("colour", ["blue"]),
    ],
)
def test_a_wrong_input_is_refused_with_its_name(name: str, values: list[object]) -> None:
    for value in values:
        inputs = {"genome": "genomes/lambda.fa", name.partition(".")[0]: value}
        with pytest.raises(InvalidJobError) as caught:
            plan(**inputs)
        assert caught.value.field in (f"inputs.{name}", "inputs.genome.httpUrl")


def test_a_job_runs_from_its_plan_to_its_results(job: Job) -> None:
    planned = plan(genome="genomes/lambda.fa", windows=3, k=4, top=5)
    for task in planned.all_tasks:
        done = job.run(task)
        assert (done.returncode, done.stderr) == (0, "")
    results = job.storage / "job-kmers-001" / "results"
    summary = json.loads((results / "summary.json").read_text())
    sequence = "".join(LAMBDA.read_text().splitlines()[1:])
    assert summary["names"] == ["NC_001416.1 Enterobacteria phage lambda, complete genome"]
    assert (summary["bases"], summary["totalKmers"], summary["k"]) == (48_502, 48_499, 4)
    assert len(summary["top"]) == 5
    occurrences = sum(sequence.startswith(summary["top"][0]["kmer"], i) for i in range(len(sequence)))
    assert summary["top"][0]["count"] == occurrences
    assert len((results / "kmers.tsv").read_text().splitlines()) == 1 + summary["distinctKmers"]
    assert len((results / "gc_profile.tsv").read_text().splitlines()) > 100
    image = (results / "genome_kmers.png").read_bytes()
    width, height = struct.unpack(">II", image[16:24])
    assert image.startswith(b"\x89PNG")
    assert width > 1000
    assert height > 800
    finalized = json.loads((job.storage / "batchmgr-finalize" / "kmers-001.json").read_text())
    assert finalized == {"jobId": "kmers-001", "finalizeTask": {"succeeded": True, "error": None}}


def test_a_bad_genome_fails_each_task_in_one_line_and_the_finalize_blob_says_why(job: Job) -> None:
    (job.storage / "genomes" / "lambda.fa").write_bytes(b"")
    planned = plan(genome="genomes/lambda.fa", windows=2)
    for task in planned.tasks:
        done = job.run(task)
        assert (done.returncode, done.stderr) == (2, "Invalid input: The genome file is empty.\n")
    # Only what may be uploaded after a failure is there.
    finalize = replace(planned.finalize_task, output_files=planned.finalize_task.output_files[-1:])
    assert job.run(finalize).returncode == 2
    finalized = json.loads((job.storage / "batchmgr-finalize" / "kmers-001.json").read_text())
    assert finalized["finalizeTask"]["error"]["kind"] == "input"
    assert "None of the 2 windows" in finalized["finalizeTask"]["error"]["message"]


def test_the_chart_is_drawn_for_a_genome_without_a_single_kmer(job: Job) -> None:
    (job.storage / "genomes" / "lambda.fa").write_bytes(b">all $unknown$ _letters^\nNNN\n")
    for task in plan(genome="genomes/lambda.fa", windows=2).all_tasks:
        done = job.run(task)
        assert (done.returncode, done.stderr) == (0, "")
    assert (job.storage / "job-kmers-001" / "results" / "genome_kmers.png").stat().st_size > 10_000


def test_planning_needs_neither_numpy_nor_matplotlib() -> None:
    script = "import sys, genome_kmers; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert {"numpy", "matplotlib"}.isdisjoint(done.stdout.split())
