"""The pipelines of Azure DevOps run commands that exist, in order. Their form: `test_schemas.py`."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "batchmgr" / "packaging" / "template"
DELIVERY = ROOT / ".azdo" / "pipelines" / "delivery.yml"
DEPLOY_STAGE = DELIVERY.with_name("deploy-stage.yml")
PUBLISH = TEMPLATE / ".azdo" / "pipelines" / "publish.yml"
PIPELINES = (DELIVERY, DEPLOY_STAGE, PUBLISH)

Json = Mapping[str, Any]


def stages(pipeline: Path) -> list[Json]:
    """Return the stages, with their templates put in."""
    found: list[Json] = []
    for stage in yaml.safe_load(pipeline.read_text())["stages"]:
        if "template" in stage:
            found += expanded(pipeline.with_name(stage["template"]), stage["parameters"])
        else:
            found.append(stage)
    return found


def expanded(template: Path, parameters: Json) -> list[Json]:
    text = template.read_text()
    declared = {one["name"] for one in yaml.safe_load(text)["parameters"]}
    assert declared == set(parameters)
    for name, value in parameters.items():
        text = text.replace(f"${{{{ parameters.{name} }}}}", value)
    assert "${{" not in text
    return list(yaml.safe_load(text)["stages"])


def steps(stage: Json) -> Iterator[Json]:
    for job in stage["jobs"]:
        yield from job["strategy"]["runOnce"]["deploy"]["steps"] if "deployment" in job else job["steps"]


def scripts(stage: Json) -> str:
    return "\n".join(
        str(step.get("script") or step.get("inputs", {}).get("inlineScript", "")) for step in steps(stage)
    )


@pytest.mark.parametrize("pipeline", [DELIVERY, PUBLISH], ids=lambda path: path.name)
def test_stages_wait_for_stages_that_there_are_and_jobs_have_an_end(pipeline: Path) -> None:
    earlier: set[str] = set()
    for stage in stages(pipeline):
        # Without dependsOn, a stage waits for the one before it.
        assert stage.get("dependsOn", next(iter(earlier), None)) in {None, *earlier}
        earlier.add(stage["stage"])
        for job in stage["jobs"]:
            assert 0 < int(job["timeoutInMinutes"]) <= 60


@pytest.mark.parametrize("pipeline", PIPELINES, ids=lambda path: path.name)
def test_a_task_has_a_version_and_signs_in_by_a_service_connection(pipeline: Path) -> None:
    text = pipeline.read_text()
    tasks = re.findall(r"task: (\S+)", text)
    assert all(re.fullmatch(r"[\w-]+@\d+", task) for task in tasks)
    assert text.count("azureSubscription:") == tasks.count("AzureCLI@2")


@pytest.mark.parametrize("pipeline", [DELIVERY, PUBLISH], ids=lambda path: path.name)
def test_what_reaches_azure_goes_through_an_environment_first_dev_then_prod(pipeline: Path) -> None:
    first, dev, prod = stages(pipeline)
    assert "AzureCLI" not in str(first)
    assert (dev["dependsOn"], prod["dependsOn"]) == (first["stage"], "dev")
    assert [stage["jobs"][0]["environment"] for stage in (dev, prod)] == ["dev", "prod"]


def test_a_pull_request_is_not_deployed() -> None:
    for stage in stages(DELIVERY)[1:]:
        assert stage["condition"] == "and(succeeded(), ne(variables['Build.Reason'], 'PullRequest'))"


def test_a_deployment_is_followed_by_the_smoke_tests() -> None:
    for stage in stages(DELIVERY)[1:]:
        lines = [line.strip() for line in scripts(stage).splitlines()]
        assert lines[-3:] == ["azd provision --no-prompt", "azd deploy --no-prompt", ".ci/smoke"]


def test_the_commands_exist() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for stage in stages(DELIVERY):
        assert set(re.findall(r"\bmake ([\w-]+)", scripts(stage))) <= targets
        assert all((ROOT / path).is_file() for path in re.findall(r"\.ci/[\w-]+", scripts(stage)))
    for stage in stages(PUBLISH):
        assert all((TEMPLATE / path).is_file() for path in re.findall(r"example/\w+\.py", scripts(stage)))


def test_infra_is_always_built() -> None:
    check = list(steps(stages(DELIVERY)[0]))
    (installed,) = (i for i, step in enumerate(check) if step.get("script") == ".ci/install-bicep")
    (run,) = (i for i, step in enumerate(check) if step.get("script") == ".ci/run")
    assert installed < run
    assert check[run]["env"] == {"BICEP_REQUIRED": "1"}


def test_a_workload_is_tried_on_dev_before_somebody_approves_prod() -> None:
    build, dev, prod = stages(PUBLISH)
    assert "python3 -m pytest" in scripts(build)
    assert "example/run_job.py" in scripts(dev)
    for stage in (dev, prod):
        assert "package publish" in scripts(stage)
        assert "--default" in scripts(stage)
