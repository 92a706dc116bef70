"""Workflows, pipelines and azure.yaml have the form that their services want.

The package check-jsonschema has the schemas of GitHub Actions and of Azure Pipelines. That of azd is in no
package: azure.yaml is held against the few parts of it that are used.
"""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.docs.test_azure_pipelines import PIPELINES
from tests.docs.test_workflows import ROOT, WORKFLOWS

GITHUB = ("--builtin-schema", "vendor.github-workflows")
# The schema has patterns that are not for Unicode.
AZURE = ("--builtin-schema", "vendor.azure-pipelines", "--regex-variant", "nonunicode")
OF_EXTENSIONS = ("setup-azd@1",)
"""Tasks that the schema can't know, since an extension of the marketplace brings them."""

A_WORKFLOW = """
on: push
jobs:
  job:
    runs-on: ubuntu-latest
    steps: [{run: echo}]
"""
A_PIPELINE = """
stages:
  - stage: one
    jobs:
      - job: job
        steps: [{script: echo}]
"""


def check(schema: tuple[str, ...], *paths: Path) -> str:
    """Return what is wrong with these files, or nothing."""
    command = [sys.executable, "-m", "check_jsonschema", "--verbose", *schema, *map(str, paths)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if ran.returncode == 0 else ran.stdout + ran.stderr


def test_every_workflow_has_the_form_of_github_actions() -> None:
    assert check(GITHUB, *WORKFLOWS) == ""


def test_every_pipeline_has_the_form_of_azure_pipelines(tmp_path: Path) -> None:
    copies = []
    for pipeline in PIPELINES:
        text = pipeline.read_text()
        for task in OF_EXTENSIONS:
            text = text.replace(f"task: {task}", "task: Bash@3")
        copies.append(tmp_path / pipeline.name)
        copies[-1].write_text(text)
    assert len({copy.name for copy in copies}) == len(PIPELINES)
    assert check(AZURE, *copies) == ""


@pytest.mark.parametrize(
    ("schema", "right", "mistake"),
    [
        (GITHUB, A_WORKFLOW, ("runs-on:", "run-on:")),
        (GITHUB, A_WORKFLOW, ("run: echo", "run: echo, uses: a/b@c")),
        (AZURE, A_PIPELINE, ("script:", "skript:")),
        (AZURE, A_PIPELINE, ("- job:", "- jobb:")),
    ],
    ids=["key of a job", "step that does two things", "kind of step", "kind of job"],
)
def test_a_mistake_is_noticed(
    schema: tuple[str, ...], right: str, mistake: tuple[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "file.yml"
    path.write_text(right)
    assert check(schema, path) == ""
    path.write_text(right.replace(*mistake))
    assert mistake[1] in path.read_text()
    assert check(schema, path) != ""


def test_azure_yaml_has_the_parts_that_azd_knows() -> None:
    document = yaml.safe_load((ROOT / "azure.yaml").read_text())
    assert set(document) == {"name", "infra", "services", "hooks"}
    assert set(document["infra"]) == {"provider", "path", "module"}
    assert document["infra"]["provider"] == "bicep"
    for service in document["services"].values():
        assert set(service) == {"project", "language", "host"}
    events = {f"{when}{what}" for when in ("pre", "post") for what in ("provision", "deploy")}
    assert set(document["hooks"]) <= events
    for hook in document["hooks"].values():
        assert set(hook) == {"run", "kind"}
        assert (hook["kind"], Path(hook["run"]).suffix) == ("python", ".py")
