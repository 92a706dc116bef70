"""The workflows of GitHub Actions can be read, and run commands that exist."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.stack_options import stack_options

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
CI = ROOT / ".github" / "workflows" / "ci.yml"


def jobs(workflow: Path) -> Mapping[str, Mapping[str, Any]]:
    return dict(yaml.safe_load(workflow.read_text())["jobs"])


def commands(job: Mapping[str, Any]) -> list[str]:
    return [step["run"] for step in job["steps"] if "run" in step]


EVERY_JOB = [
    pytest.param(job, id=f"{workflow.stem}-{name}")
    for workflow in WORKFLOWS
    for name, job in jobs(workflow).items()
]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_says_when_it_runs_and_may_only_read(workflow: Path) -> None:
    document = yaml.safe_load(workflow.read_text())
    # YAML 1.1 reads the key `on` as true.
    assert {"pull_request", "schedule"} <= set(document[True])
    assert document["permissions"] == {"contents": "read"}


@pytest.mark.parametrize("job", EVERY_JOB)
def test_a_job_has_an_end_and_steps_that_do_one_thing(job: Mapping[str, Any]) -> None:
    assert job["runs-on"].startswith("ubuntu-")
    assert 0 < job["timeout-minutes"] <= 60
    for step in job["steps"]:
        assert len({"uses", "run"} & set(step)) == 1, step
        assert re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step.get("uses", "a/b@v1")), step


@pytest.mark.parametrize("job", EVERY_JOB)
def test_a_job_runs_commands_that_exist(job: Mapping[str, Any]) -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for command in commands(job):
        program, *arguments = command.split()
        if program == "make":
            assert set(arguments) <= targets
        if program.startswith(".ci/"):
            assert os.access(ROOT / program, os.X_OK)
        assert [a for a in arguments if a.startswith("tests/") and not (ROOT / a).exists()] == []


@pytest.mark.parametrize("job", EVERY_JOB)
def test_a_job_chooses_a_stack_that_there_is(job: Mapping[str, Any]) -> None:
    stack_options(job.get("env", {}))


def test_one_job_runs_everything() -> None:
    assert commands(jobs(CI)["everything"]) == [".ci/run"]


def test_one_job_runs_the_integration_tests_on_core_tools() -> None:
    job = jobs(CI)["core-tools"]
    assert stack_options(job["env"]).host == "func"
    assert commands(job)[0].startswith("npm install --global azure-functions-core-tools@4")
    assert commands(job)[-1] == ".venv/bin/pytest -q -n 2 tests/integration"
