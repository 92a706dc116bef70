import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
WORKLOAD = dedent(
    """
    import os, signal, sys
    from batchmgr import FinalizeTask, InvalidInputError, WorkloadBase, WorkloadTask
    from batchmgr import WorkloadTaskBuilder

    class GreetTask(WorkloadTask):
        punctuation = "."
        def run(self):
            line = f"{self.inputs['name']} in {self.context.job_id}/{self.context.task_id}{self.punctuation}"
            (self.context.working_directory / "greeting.txt").write_text(line, encoding="utf-8")

    class LoudBuilder(WorkloadTaskBuilder):
        def build(self, task_type, inputs, context):
            task = super().build(task_type, inputs, context)
            task.punctuation = "!"
            return task

    class PickyTask(WorkloadTask):
        def run(self):
            raise InvalidInputError(f"the file is empty")

    class BuggyTask(WorkloadTask):
        def run(self):
            self.recurse(50)
        def recurse(self, depth):
            self.recurse(depth - 1) if depth else {}["k"]

    class LegacyTask(WorkloadTask):
        def run(self):
            sys.exit(self.inputs["code"])

    class MergeTask(FinalizeTask):
        def run(self):
            if self.inputs.get("die") == "bug":
                raise RuntimeError("cannot merge")
            if self.inputs.get("die") == "exit":
                sys.exit("old program gave up")
            if self.inputs.get("die") == "kill":
                os.kill(os.getpid(), signal.SIGKILL)

    class SampleWorkload(WorkloadBase):
        def __init__(self, batch_client=None):
            super().__init__(batch_client)
            repository = self._entry_points_repository
            repository.register_entry_point(GreetTask, LoudBuilder)
            for task_type in (PickyTask, BuggyTask, LegacyTask):
                repository.register_entry_point(task_type)
            repository.register_finalize_task(MergeTask)
    """
)


MAIN = """\
from batchmgr import Application
from sample_workload import SampleWorkload

Application(SampleWorkload()).run()
"""


class Node:
    """Runs the sample workload as a node would: a process, in a working directory, with an environment."""

    def __init__(self, root: Path) -> None:
        self.directory = root / "wd"
        self.directory.mkdir()
        package = root / "packages" / "sample_workload"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(WORKLOAD)
        (package / "__main__.py").write_text(MAIN)
        self._environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join((str(package.parent), str(ROOT))),
            "AZ_BATCH_JOB_ID": "greet-001",
            "AZ_BATCH_TASK_ID": "7",
            "AZ_BATCH_TASK_WORKING_DIR": str(self.directory),
        }

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "sample_workload", *arguments],
            env=self._environment | environment,
            cwd=self.directory,
            capture_output=True,
            text=True,
            check=False,
        )

    def read(self, name: str) -> Any:
        return json.loads((self.directory / name).read_text())


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def test_a_task_gets_its_inputs_its_context_and_what_its_builder_adds(node: Node) -> None:
    done = node.run("task", "GreetTask", BATCHMGR_TASK_INPUTS='{"name":"\\u00c9va"}')
    assert (done.returncode, done.stderr) == (0, "")
    assert (node.directory / "greeting.txt").read_text("utf-8") == "Éva in greet-001/7!"
    assert [path.name for path in node.directory.iterdir()] == ["greeting.txt"]


def test_unusable_input_ends_with_2_one_line_and_a_description(node: Node) -> None:
    done = node.run("task", "PickyTask")
    assert (done.returncode, done.stderr) == (2, "Invalid input: the file is empty\n")
    error = node.read("batchmgr-error.json")
    assert (error["type"], error["message"]) == ("InvalidInputError", "the file is empty")
    assert error["kind"] == "input"


def test_a_bug_ends_with_1_its_traceback_and_a_description(node: Node) -> None:
    done = node.run("task", "BuggyTask")
    assert done.returncode == 1
    assert done.stderr.endswith("KeyError: 'k'\n")
    error = node.read("batchmgr-error.json")
    assert (error["type"], error["message"], error["kind"]) == ("KeyError", "'k'", "error")
    assert error["traceback"].endswith("KeyError: 'k'\n")
    assert len(error["traceback"].splitlines()) <= 20


@pytest.mark.parametrize(("code", "exit_code"), [("0", 0), ("null", 0), ("3", 1), ('"broken"', 1)])
def test_old_code_that_calls_exit_fails_only_when_it_says_so(node: Node, code: str, exit_code: int) -> None:
    done = node.run("task", "LegacyTask", BATCHMGR_TASK_INPUTS=f'{{"code":{code}}}')
    assert done.returncode == exit_code
    assert (node.directory / "batchmgr-error.json").exists() == bool(exit_code)


def test_a_second_try_that_succeeds_leaves_no_error_of_the_first(node: Node) -> None:
    node.run("task", "LegacyTask", BATCHMGR_TASK_INPUTS='{"code":1}')
    assert node.run("task", "LegacyTask", BATCHMGR_TASK_INPUTS='{"code":0}').returncode == 0
    assert not (node.directory / "batchmgr-error.json").exists()


@pytest.mark.parametrize("inputs", ["{", "[1]"])
def test_inputs_that_are_no_json_object_are_unusable_input(node: Node, inputs: str) -> None:
    done = node.run("task", "GreetTask", BATCHMGR_TASK_INPUTS=inputs)
    assert done.returncode == 2
    assert "BATCHMGR_TASK_INPUTS" in node.read("batchmgr-error.json")["message"]


def test_a_task_type_that_this_version_lacks_is_named_with_those_it_has(node: Node) -> None:
    done = node.run("task", "NewTask")
    assert done.returncode == 70
    assert "'NewTask'; it has: BuggyTask, GreetTask, LegacyTask, PickyTask." in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [[], ["dance"], ["task"], ["finalize", "now"]])
def test_a_wrong_command_line_gets_a_usage_message(node: Node, arguments: list[str]) -> None:
    done = node.run(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: python3 -m sample_workload")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("plan", ["Show what a job would be", "--inputs JSON", "--job-id ID", "--pool ID"]),
        ("submit", ["Send a job to batchmgr", "--url URL", "--callback URI", "BATCHMGR_URL"]),
        ("local", ["Run the whole job here", "--directory DIR", "--storage DIR", "--notify PATTERN"]),
        ("task", ["Run one task", "BuggyTask, GreetTask, LegacyTask, PickyTask"]),
        ("finalize", ["Run the FinalizeTask"]),
        ("job-manager", ["Plan the job on a node"]),
    ],
)
def test_each_command_has_help(node: Node, command: str, words: list[str]) -> None:
    done = node.run(command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    told = " ".join(done.stdout.split())
    assert [word for word in words if word not in told] == []
    assert f"    {command}" in node.run("--help").stdout


@pytest.mark.parametrize(
    ("command", "variable"), [("job-manager", "BATCHMGR_JOB"), ("finalize", "BATCHMGR_FINALIZE")]
)
@pytest.mark.parametrize("value", ["", "{", "[]", "7"])
def test_what_batchmgr_starts_says_so_when_it_is_started_otherwise(
    node: Node, command: str, variable: str, value: str
) -> None:
    done = node.run(command, **{variable: value})
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert variable in done.stderr


def test_finalize_adds_its_success_to_the_finalize_message(node: Node) -> None:
    done = node.run("finalize", BATCHMGR_FINALIZE='{"jobId":"greet-001"}')
    assert done.returncode == 0
    assert node.read("batchmgr-finalize.json") == {
        "jobId": "greet-001",
        "finalizeTask": {"succeeded": True, "error": None},
    }


@pytest.mark.parametrize(
    ("die", "message"), [("bug", "cannot merge"), ("exit", "old program gave up"), ("kill", "was killed")]
)
def test_the_finalize_file_is_there_however_the_finalize_task_ends(
    node: Node, die: str, message: str
) -> None:
    done = node.run(
        "finalize",
        BATCHMGR_FINALIZE='{"jobId":"greet-001"}',
        BATCHMGR_TASK_INPUTS=json.dumps({"die": die}),
    )
    assert done.returncode != 0
    finalized = node.read("batchmgr-finalize.json")
    assert finalized["jobId"] == "greet-001"
    assert finalized["finalizeTask"]["succeeded"] is False
    assert message in finalized["finalizeTask"]["error"]["message"]


def test_a_task_starts_without_importing_what_it_does_not_need() -> None:
    script = "import sys, batchmgr.workload; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    heavy = {"asyncio", "http", "ssl", "importlib.metadata", "msgspec", "aiohttp", "azure"}
    assert heavy.isdisjoint(done.stdout.split())
