"""The command `plan` prints a job before anything runs, and what is wrong with it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORKLOAD = ROOT / "tests" / "integration" / "article_workload"
PLANNED = """\
example_workload: 2 tasks and a FinalizeTask, on POOL
  1                  ExampleWorkloadTask  {"input_example":"hello-world-task-1"}  1 in, 1 out
  2                  ExampleWorkloadTask  {"input_example":"hello-world-task-2"}  1 in, 1 out  after 1
  batchmgr-finalize  ExampleFinalizeTask  {}  0 in, 2 out  after all
"""


def plan(directory: Path, *arguments: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "example_workload", "plan", *arguments],
        cwd=directory,
        env=os.environ | {"PYTHONPATH": f"{WORKLOAD}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_the_tasks_are_shown_with_their_inputs_files_and_dependencies(tmp_path: Path) -> None:
    (tmp_path / "inputs.json").write_text('{"text": "a.txt"}')
    shown = plan(tmp_path, "--inputs", "@inputs.json")
    assert shown == (0, PLANNED.replace("POOL", "batchmgr's default pool"), "")
    shown = plan(tmp_path, "--inputs", '{"text": "a.txt"}', "--pool", "hpc", "--job-id", "example-1")
    assert shown == (0, PLANNED.replace("POOL", "hpc"), "")


def test_problems_follow_the_plan(tmp_path: Path) -> None:
    code, shown, errors = plan(tmp_path, "--inputs", '{"text": "/etc/passwd"}')
    assert (code, errors) == (2, "")
    assert shown.startswith(PLANNED.replace("POOL", "batchmgr's default pool"))
    (problem,) = shown.splitlines()[4:]
    assert problem.startswith("problem: tasks[0].inputFiles[0].sourceBlobPath: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--inputs", "{"], "--inputs: must be JSON: Expecting property name"),
        (["--inputs", "[1]"], '--inputs: must be a JSON object such as {"k": 6}, not list'),
        (["--inputs", "@nope.json"], "--inputs: nope.json cannot be read: No such file or directory"),
        (["--inputs", "@junk.json"], "--inputs: junk.json must be JSON: Expecting value"),
        (["--inputs", "@bytes.json"], "--inputs: bytes.json cannot be read: 'utf-8' codec can't decode"),
        (["--inputs", "@."], "--inputs: . cannot be read: Is a directory"),
        (["--job-id", "a b"], "--job-id: must be 1 to 64 of A-Z a-z 0-9 _ -"),
        ([], "workload 'example_workload' raised KeyError: 'text'"),
        (
            ["--inputs", '{"text": 3}'],
            "tasks[0].inputFiles[0].sourceBlobPath: must be of type str, not int: 3",
        ),
    ],
)
def test_bad_input_ends_with_one_message_and_2(tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "junk.json").write_text("junk")
    (tmp_path / "bytes.json").write_bytes(b"\xff")
    code, shown, errors = plan(tmp_path, *arguments)
    assert (code, shown, errors.count("\n")) == (2, "", 1)
    assert errors.startswith(f"example_workload plan: {message}")
