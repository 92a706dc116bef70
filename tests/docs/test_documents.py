"""What the documents promise is there, and what is there is in the documents."""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import azure.functions as func
import msgspec
import pytest

from batchmgr.adapters.workload_registry import WorkloadRegistry
from batchmgr.bootstrap import Runtime
from batchmgr.functions import blueprints
from batchmgr.model.job_states import JobState
from batchmgr.settings import Settings
from batchmgr.steps.check_message import check_message
from batchmgr.steps.expand_factory import expand_sweep
from batchmgr.steps.plan_job import plan_job
from batchmgr.wire.events import EVENT_TYPES
from batchmgr.wire.job_message import decode_job
from batchmgr.wire.plan_preview import PlanPreview
from batchmgr.wire.queue_message import JobReference
from batchmgr.wire.task_message import JobTasks, Message

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)


def test_every_event_type_is_documented_and_no_other() -> None:
    documented = set(re.findall(r"^\| `(batchmgr\.[a-z_.]+)`", document("events"), re.MULTILINE))
    assert documented == EVENT_TYPES


def test_every_job_state_is_named() -> None:
    assert all(f"batchmgr.job.{state}" in document("events") for state in JobState)


def every_message(kind: type[Message]) -> Iterator[type[Message]]:
    for one in kind.__subclasses__():
        yield one
        yield from every_message(one)


MESSAGES = [one for one in every_message(Message) if one not in (JobReference, JobTasks)]


@pytest.mark.parametrize("message", MESSAGES)
def test_every_field_of_the_job_message_is_documented(message: type[msgspec.Struct]) -> None:
    for field in msgspec.structs.fields(message):
        assert f"`{field.encode_name}`" in document("job-message"), field.encode_name


def test_every_route_is_documented_and_no_other() -> None:
    app = func.FunctionApp()
    for blueprint in blueprints(Runtime(Settings())):
        app.register_functions(blueprint)
    routes = set()
    for function in app.get_functions():
        for binding in json.loads(str(function))["bindings"]:
            if binding["type"] == "httpTrigger":
                routes |= {f"{method} /{binding['route']}" for method in binding["methods"]}
    documented = re.findall(r"^\| `((?:GET|POST) /[^`?]*)", document("http-api"), re.MULTILINE)
    assert set(documented) == routes


def test_the_workload_of_the_readme_makes_the_job_it_says() -> None:
    code = next(text for language, text in BLOCKS if language == "python" and "GreetTask" in text)
    module: dict[str, object] = {"__name__": "greet"}
    exec(code, module)
    workloads = WorkloadRegistry({"greet": lambda: module["GreetWorkload"]})
    message = decode_job(b'{"workload": "greet", "inputs": {"names": ["Ada", "Grace"]}}')
    plan = plan_job("greet-001", message, workloads=workloads, default_pool_id="local")
    assert [task.environment["BATCHMGR_TASK_INPUTS"] for task in plan.tasks] == [
        '{"name":"Ada"}',
        '{"name":"Grace"}',
    ]
    assert plan.tasks[0].command_line == "python3 -m greet task GreetTask"


def test_the_job_that_the_readme_posts_is_a_job() -> None:
    command = next(text for language, text in BLOCKS if language == "bash" and "hello-001" in text)
    body = command.partition("-d '")[2].partition("'\n")[0]
    message = decode_job(body.encode())
    check_message(message)
    plan = plan_job("hello-001", message, workloads=WorkloadRegistry({}), default_pool_id="local")
    assert [task.id for task in plan.tasks] == ["make", "after"]


def test_every_field_of_a_plan_is_documented() -> None:
    for field in msgspec.structs.fields(PlanPreview):
        assert field.encode_name in document("http-api"), field.encode_name


def test_the_sweep_of_the_readme_does_what_it_says(tmp_path: Path) -> None:
    body = next(text for language, text in BLOCKS if language == "json" and "taskFactory" in text)
    message = decode_job(body.encode())
    check_message(message)
    plan = plan_job("sweep-001", expand_sweep(message), workloads=WorkloadRegistry({}), default_pool_id="p")
    *tasks, merge = plan.tasks
    assert (len(tasks), merge.depends_on) == (10, tuple(map(str, range(1, 11))))
    (tmp_path / "powers").mkdir()
    for task in tasks:
        said = subprocess.run(shlex.split(task.command_line), capture_output=True, check=True).stdout
        (tmp_path / task.output_files[0].target_blob_path).write_bytes(said)
    subprocess.run(shlex.split(merge.command_line), cwd=tmp_path, check=True)
    lines = (tmp_path / "powers.txt").read_text().splitlines()
    assert (lines[0], lines[-1]) == ("2 0.5 1.41421", "10 2.5 316.228")


def test_the_sweep_of_the_documents_is_a_job() -> None:
    body = next(
        b for b in re.findall(r"```json\n(.*?)```", document("job-message"), re.DOTALL) if "scan-001" in b
    )
    message = expand_sweep(decode_job(body.encode()))
    plan = plan_job("scan-001", message, workloads=WorkloadRegistry({}), default_pool_id="p")
    assert plan.tasks[-2].command_line == "./solver --alpha 0.5 fine.msh"


def test_the_body_that_the_readme_gives_data_factory_is_a_job() -> None:
    activity = next(json.loads(text) for language, text in BLOCKS if language == "json" and "WebHook" in text)
    body = activity["typeProperties"]["body"] | {"callBackUri": "https://x.datafactory.azure.com/y"}
    check_message(decode_job(json.dumps(body).encode()))


@pytest.mark.parametrize("path", [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", path.read_text()):
        assert (path.parent / target).exists(), target


@pytest.mark.parametrize("target", ["demo", "test", "start", "check", "install", "format"])
def test_the_commands_of_the_documents_are_in_the_makefile(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def document(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text()
