import json
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from batchmgr import Application, InvalidJobError, JobContext, JobSpecification
from batchmgr.adapters.workload_registry import WorkloadRegistry
from batchmgr.plan.job_plan import JobPlan
from batchmgr.workload.draft_from_workload import draft_from_workload
from genome_kmers import GenomeKmersWorkload
from genome_kmers.tasks import CountKmersTask
from tests.plans import complete

LAMBDA = Path(__file__).parents[1] / "data" / "NC_001416.1.fa"


def plan(**inputs: object) -> JobPlan:
    context = JobContext(job_id="kmers-001", inputs=inputs, job=JobSpecification(pool_id="hpc"))
    draft = draft_from_workload(WorkloadRegistry().load("genome_kmers"), context)
    return complete("kmers-001", draft, '{"jobId":"kmers-001"}')


Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a job here, in this process, on a genome with this content; the callback's output."""

    def run_job(genome: bytes, **inputs: Any) -> dict[str, Any]:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "genomes").mkdir()
        (tmp_path / "genomes" / "lambda.fa").write_bytes(genome)
        text = json.dumps({"genome": "genomes/lambda.fa", **inputs})
        with pytest.raises(SystemExit):
            Application(GenomeKmersWorkload()).run(
                ["local", "--storage", ".", "--directory", "run", "--inputs", text]
            )
        output: dict[str, Any] = json.loads((tmp_path / "run" / "callback.json").read_text())["Output"]
        return output

    return run_job


def result(tmp_path: Path, name: str) -> Path:
    return tmp_path / "run" / "storage" / "job-genome-kmers" / "results" / name


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


def test_a_job_runs_from_its_plan_to_its_results(run: Run, tmp_path: Path) -> None:
    output = run(LAMBDA.read_bytes(), windows=3, k=4, top=5)
    assert output["state"] == "succeeded"
    summary = json.loads(result(tmp_path, "summary.json").read_text())
    sequence = "".join(LAMBDA.read_text().splitlines()[1:])
    assert summary["names"] == ["NC_001416.1 Enterobacteria phage lambda, complete genome"]
    assert (summary["bases"], summary["totalKmers"], summary["k"]) == (48_502, 48_499, 4)
    assert len(summary["top"]) == 5
    occurrences = sum(sequence.startswith(summary["top"][0]["kmer"], i) for i in range(len(sequence)))
    assert summary["top"][0]["count"] == occurrences
    assert len(result(tmp_path, "kmers.tsv").read_text().splitlines()) == 1 + summary["distinctKmers"]
    assert len(result(tmp_path, "gc_profile.tsv").read_text().splitlines()) > 100
    image = result(tmp_path, "genome_kmers.png").read_bytes()
    width, height = struct.unpack(">II", image[16:24])
    assert image.startswith(b"\x89PNG")
    assert width > 1000
    assert height > 800
    published = {
        "bases": 48_502,
        "distinctKmers": summary["distinctKmers"],
        "totalKmers": 48_499,
        "gcFraction": summary["gcFraction"],
        "missingWindows": {},
    }
    assert output["taskResults"] == [{"taskId": "batchmgr-finalize", "result": published}]


def test_a_bad_genome_fails_each_task_in_one_line_and_nothing_is_merged(run: Run, tmp_path: Path) -> None:
    output = run(b"", windows=2)
    assert output["state"] == "failed"
    reasons = {task["taskId"]: task["error"]["message"] for task in output["failedTasks"]}
    assert reasons == {
        "1": "The genome file is empty.",
        "2": "The genome file is empty.",
        "batchmgr-finalize": "None of the 2 windows of the genome was counted: nothing to merge.",
    }
    told = (tmp_path / "run" / "tasks" / "1" / "stderr.txt").read_text()
    assert told == "Invalid input: The genome file is empty.\n"


def test_windows_that_failed_are_told_with_their_reason_and_the_others_merged(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = CountKmersTask.run

    def fail_once(task: CountKmersTask) -> None:
        if task.inputs["window"] == 2:
            raise RuntimeError("struck by a cosmic ray")
        count(task)

    monkeypatch.setattr(CountKmersTask, "run", fail_once)
    output = run(LAMBDA.read_bytes(), windows=3, k=4)
    assert output["state"] == "partial"
    published = output["taskResults"][0]["result"]
    assert published["missingWindows"] == {"2": "RuntimeError: struck by a cosmic ray"}
    assert 0 < published["totalKmers"] < 48_499
    assert json.loads(result(tmp_path, "summary.json").read_text())["missingWindows"] == [2]


def test_the_chart_is_drawn_for_a_genome_without_a_single_kmer(run: Run, tmp_path: Path) -> None:
    assert run(b">all $unknown$ _letters^\nNNN\n", windows=2)["state"] == "succeeded"
    assert result(tmp_path, "genome_kmers.png").stat().st_size > 10_000


def test_planning_needs_neither_numpy_nor_matplotlib() -> None:
    script = "import sys, genome_kmers; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert {"numpy", "matplotlib"}.isdisjoint(done.stdout.split())
