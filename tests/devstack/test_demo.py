"""Tests `batchmgr demo` from end to end, with small genomes."""

import os
import re
import signal
import sys
from pathlib import Path

import pytest

from batchmgr.devstack.child_processes import ChildProcess, ChildProcesses
from tests.devstack.liveness import descendants, is_alive

GENOME = ">tiny\n" + "ACGTTGCAACGGT" * 40 + "\n"


async def demo(processes: ChildProcesses, directory: Path, *arguments: str) -> ChildProcess:
    command = [sys.executable, "-m", "batchmgr.cli", "demo", *arguments]
    environment = os.environ | {"TMPDIR": str(directory)}
    return await processes.start("demo", command, environment=environment, directory=directory)


@pytest.mark.clients  # .ci/run also runs the demo
async def test_the_demo_goes_from_the_queue_message_to_callback_and_results(
    processes: ChildProcesses, tmp_path: Path
) -> None:
    (tmp_path / "tiny.fa").write_text(GENOME)
    child = await demo(processes, tmp_path, "tiny.fa", "--k", "3", "--windows", "2", "--output", "out")
    assert await child.wait() == 0, child.log_tail()
    told = (tmp_path / "demo.out").read_text()
    for step in ("job.queued", "job.running", "job.succeeded", "Callback received", "commonest k-mers"):
        assert step in told
    assert '"StatusCode": "200"' in told
    assert {file.name for file in (tmp_path / "out").iterdir()} == {
        "kmers.tsv",
        "gc_profile.tsv",
        "genome_kmers.png",
        "summary.json",
    }


@pytest.mark.clients
async def test_a_file_that_is_not_a_genome_fails_the_demo_and_the_reason_is_shown(
    processes: ChildProcesses, tmp_path: Path
) -> None:
    (tmp_path / "picture.fa").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    child = await demo(processes, tmp_path, "picture.fa", "--windows", "1")
    assert await child.wait() == 1
    reason = (tmp_path / "demo.log").read_text()
    assert "The job failed" in reason
    assert "FASTA" in reason
    assert '"StatusCode": "422"' in (tmp_path / "demo.out").read_text()


@pytest.mark.clients
async def test_a_job_that_batchmgr_refuses_fails_the_demo_and_the_field_is_named(
    processes: ChildProcesses, tmp_path: Path
) -> None:
    (tmp_path / "tiny.fa").write_text(GENOME)
    child = await demo(processes, tmp_path, "tiny.fa", "--k", "99")
    assert await child.wait() == 1
    assert "inputs.k" in (tmp_path / "demo.log").read_text()


@pytest.mark.clients
async def test_a_demo_that_takes_too_long_says_what_it_waited_for_and_shows_the_logs(
    processes: ChildProcesses, tmp_path: Path
) -> None:
    (tmp_path / "tiny.fa").write_text(GENOME)
    child = await demo(processes, tmp_path, "tiny.fa", "--timeout", "0")
    assert await child.wait() == 1
    reason = (tmp_path / "demo.log").read_text()
    assert "After 0 s the demo is still waiting for the job, which is queued" in reason
    assert "\nFunctions host:\n" in reason
    assert "Traceback" not in reason


@pytest.mark.clients
async def test_ctrl_c_ends_the_demo_and_everything_it_started(
    processes: ChildProcesses, tmp_path: Path
) -> None:
    (tmp_path / "tiny.fa").write_text(GENOME)
    child = await demo(processes, tmp_path, "tiny.fa")
    await child.wait_for_output(re.compile("sent +job"), timeout_s=60)
    below = descendants(child.pid)
    assert len(below) >= 3
    os.kill(child.pid, signal.SIGINT)
    assert await child.wait() == 130
    assert not [pid for pid in below if is_alive(pid)]
    assert (tmp_path / "demo.log").read_text() == ""
