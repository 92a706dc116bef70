"""The workflows of GitHub Actions run commands that exist, with few rights. Their form: `test_schemas.py`."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.stack_options import stack_options

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "batchmgr" / "packaging" / "template"
WORKFLOWS = sorted([*ROOT.glob(".github/workflows/*.yml"), *TEMPLATE.glob(".github/workflows/*.yml")])
OWN = ROOT / ".github" / "workflows"

PINNED = re.compile(r"^ *(?:- )?uses: ([\w-]+/[\w-]+)@([0-9a-f]{40})  # v\d+\.\d+\.\d+$", re.MULTILINE)


def read(workflow: Path) -> Mapping[Any, Any]:
    return dict(yaml.safe_load(workflow.read_text()))


def jobs(workflow: Path) -> Mapping[str, Mapping[str, Any]]:
    return dict(read(workflow)["jobs"])


def commands(job: Mapping[str, Any]) -> list[str]:
    return [step["run"] for step in job.get("steps", ()) if "run" in step]


def names(value: str | list[str] | None) -> set[str]:
    return set([value] if isinstance(value, str) else value or ())


EVERY_WORKFLOW = pytest.mark.parametrize(
    "workflow", WORKFLOWS, ids=[str(path.relative_to(ROOT)) for path in WORKFLOWS]
)
EVERY_JOB = [
    pytest.param(job, id=f"{workflow.stem}-{name}")
    for workflow in WORKFLOWS
    for name, job in jobs(workflow).items()
    if "steps" in job
]


@EVERY_WORKFLOW
def test_a_workflow_says_when_it_runs_and_may_only_read_unless_a_job_says_more(workflow: Path) -> None:
    document = read(workflow)
    assert document[True]  # YAML 1.1 reads the key `on` as true
    assert document["permissions"] == {"contents": "read"}


@EVERY_WORKFLOW
def test_jobs_wait_for_jobs_that_there_are_and_call_workflows_as_these_want_it(workflow: Path) -> None:
    every = jobs(workflow)
    for name, job in every.items():
        assert names(job.get("needs")) < set(every), name
        if "uses" in job:
            called = read(ROOT / job["uses"])[True]["workflow_call"] or {}
            required = {key for key, value in called.get("inputs", {}).items() if value.get("required")}
            assert required <= set(job.get("with", {})) <= set(called.get("inputs", {})), name


@EVERY_WORKFLOW
def test_an_expression_names_a_job_or_step_whose_output_there_is(workflow: Path) -> None:
    every = jobs(workflow)
    text = workflow.read_text()
    for job, output in re.findall(r"needs\.(\w+)\.outputs\.(\w+)", text):
        assert output in every[job]["outputs"]
    ids = {step.get("id") for job in every.values() for step in job.get("steps", ())}
    assert set(re.findall(r"steps\.(\w+)\.outputs", text)) <= ids
    # No value may become part of a script: it comes as an environment variable.
    assert not [one for job in every.values() for one in commands(job) if "${{" in one]


@EVERY_WORKFLOW
def test_a_checkout_leaves_no_credential_behind(workflow: Path) -> None:
    for job in jobs(workflow).values():
        for step in job.get("steps", ()):
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


@EVERY_WORKFLOW
def test_actions_are_pinned_to_a_commit_and_the_same_one_everywhere(workflow: Path) -> None:
    pinned = PINNED.findall(workflow.read_text())
    used = [
        step["uses"] for job in jobs(workflow).values() for step in job.get("steps", ()) if "uses" in step
    ]
    assert sorted(used) == sorted(f"{name}@{commit}" for name, commit in pinned)
    everywhere = dict(pair for path in WORKFLOWS for pair in PINNED.findall(path.read_text()))
    assert dict(pinned).items() <= everywhere.items()


@pytest.mark.parametrize("job", EVERY_JOB)
def test_a_job_has_an_end(job: Mapping[str, Any]) -> None:
    assert job["runs-on"].startswith("ubuntu-")
    assert 0 < job["timeout-minutes"] <= 60


@pytest.mark.parametrize("job", EVERY_JOB)
def test_who_may_sign_in_has_an_environment_that_can_ask_for_an_approval(job: Mapping[str, Any]) -> None:
    may_sign_in = job.get("permissions", {}).get("id-token") == "write"
    assert may_sign_in == ("environment" in job)


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


def test_pull_requests_are_checked_and_new_releases_of_packages_are_tried() -> None:
    assert {"pull_request", "schedule", "workflow_call"} <= set(read(OWN / "ci.yml")[True])


def test_one_job_runs_everything() -> None:
    job = jobs(OWN / "ci.yml")["everything"]
    assert commands(job) == [".ci/install-bicep", ".ci/run"]
    assert job["env"] == {"BICEP_REQUIRED": "1"}  # infra/ is always built there


def test_one_job_runs_the_integration_tests_on_core_tools() -> None:
    job = jobs(OWN / "ci.yml")["core-tools"]
    assert stack_options(job["env"]).host == "func"
    assert commands(job)[0].startswith("npm install --global azure-functions-core-tools@4")
    assert commands(job)[-1] == ".venv/bin/pytest -q -n 2 tests/integration"


def test_a_commit_is_checked_then_goes_to_dev_and_then_to_prod() -> None:
    delivery = jobs(OWN / "delivery.yml")
    assert delivery["ci"]["uses"] == "./.github/workflows/ci.yml"
    assert (delivery["dev"]["needs"], delivery["dev"]["with"]) == ("ci", {"environment": "dev"})
    assert (delivery["prod"]["needs"], delivery["prod"]["with"]) == ("dev", {"environment": "prod"})
    deploy = jobs(OWN / "deploy.yml")["deploy"]
    assert deploy["environment"] == "${{ inputs.environment }}"
    assert commands(deploy)[-3:] == ["azd provision --no-prompt", "azd deploy --no-prompt", ".ci/smoke"]


def test_no_password_is_stored_to_sign_in_or_to_publish() -> None:
    for workflow in WORKFLOWS:
        secrets = set(re.findall(r"secrets\.(\w+)", workflow.read_text()))
        assert secrets <= {"BATCHMGR_FUNCTION_KEY"}, workflow  # of a workload's smoke test


def callers(workflow: Path) -> Iterator[Mapping[str, Any]]:
    for path in WORKFLOWS:
        for job in jobs(path).values():
            if job.get("uses") == f"./{workflow.relative_to(ROOT)}":
                yield job


def test_who_calls_a_workflow_gives_it_the_permissions_that_it_needs() -> None:
    for workflow in OWN.glob("*.yml"):
        needed = {
            key for job in jobs(workflow).values() for key in job.get("permissions", {"contents": "read"})
        }
        for caller in callers(workflow):
            assert needed <= set(caller.get("permissions", {"contents": "read"}))


def test_a_workload_is_published_as_the_default_on_dev_tried_there_and_then_on_prod() -> None:
    publish = jobs(TEMPLATE / ".github/workflows/publish.yml")
    assert (publish["dev"]["needs"], publish["prod"]["needs"]) == ("build", "dev")
    assert (publish["dev"]["environment"], publish["prod"]["environment"]) == ("dev", "prod")
    for stage in ("dev", "prod"):
        assert [one for one in commands(publish[stage]) if one.startswith("batchmgr package publish")]
    assert commands(publish["dev"])[-1].startswith("python example/run_job.py")
    assert all("--default" in one for job in publish.values() for one in commands(job) if " publish " in one)
