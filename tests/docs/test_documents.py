"""The documents are true: their examples run, their links lead somewhere, and they leave nothing out."""

import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import azure.functions as func
import msgspec
import pytest

from batchmgr.adapters.workload_registry import WorkloadRegistry
from batchmgr.functions import blueprints
from batchmgr.functions.http_responses import ALL_KINDS
from batchmgr.model import stall
from batchmgr.model.batch_snapshots import TaskSnapshot
from batchmgr.model.job_record_parts import CallbackState
from batchmgr.model.job_states import JobState
from batchmgr.runtime import Runtime
from batchmgr.settings import Settings
from batchmgr.steps.check_message import check_message
from batchmgr.steps.plan_job import plan_job
from batchmgr.wire.adf_callback import STATUS_CODES
from batchmgr.wire.events import EVENT_TYPES
from batchmgr.wire.job_answer_types import JobAnswer, OutcomeAnswer
from batchmgr.wire.job_message import decode_job
from batchmgr.wire.plan_preview import PlanPreview
from batchmgr.wire.queue_message import FinalizeReference, JobReference, PollRequest
from batchmgr.wire.task_message import JobTasks, Message
from tests.plans import plan_factory

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
FOLDERS = ("docs", "examples", "infra")
PAGES = sorted([*ROOT.glob("*.md"), *(page for name in FOLDERS for page in (ROOT / name).rglob("*.md"))])


def test_every_event_type_is_documented_and_no_other() -> None:
    documented = set(re.findall(r"^\| `(batchmgr\.[a-z_.]+)`", document("events"), re.MULTILINE))
    assert documented == EVENT_TYPES


def test_every_reason_why_a_job_cannot_go_on_is_documented_and_no_other() -> None:
    source = Path(stall.__file__).read_text()
    reasons = section("events", "Job events").partition("\n### A job that can't go on\n")[2]
    documented = re.findall(r"^\| `(\w+)`", reasons, re.MULTILINE)
    assert set(documented) == set(re.findall(r'code="(\w+)"', source))


@pytest.mark.parametrize("state", JobState)
def test_every_job_state_is_explained(state: JobState) -> None:
    assert f"`batchmgr.job.{state}`" in document("events")
    assert re.search(rf"^\| `{state}` \| \w", document("http-api"), re.MULTILINE)


def test_every_field_of_a_task_event_is_documented() -> None:
    for field in msgspec.structs.fields(TaskSnapshot):
        assert f"`{field.encode_name}`" in section("events", "Data"), field.encode_name


def test_the_callback_is_documented() -> None:
    callback = section("events", "The callback")
    for state, code in STATUS_CODES.items():
        assert any(f"`{state}`" in line and f"`{code}`" in line for line in callback.splitlines()), state


def every_message(kind: type[Message]) -> Iterator[type[Message]]:
    for one in kind.__subclasses__():
        yield one
        yield from every_message(one)


OWN = (FinalizeReference, JobReference, JobTasks, PollRequest)
"""Messages that only batchmgr sends."""

MESSAGES = [one for one in every_message(Message) if one not in OWN]


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
    documented = re.findall(r"^\| `((?:GET|POST|DELETE) /[^`?]*)", document("http-api"), re.MULTILINE)
    assert set(documented) == routes


def test_every_status_and_code_of_an_error_is_documented() -> None:
    rows = re.findall(r"^\| `(\d+)` \| ([^|]*) \|", section("http-api", "Errors"), re.MULTILINE)
    documented = {(int(status), code) for status, codes in rows for code in re.findall(r"`(\w+)`", codes)}
    assert documented == {(kind.status, kind.code) for kind in ALL_KINDS}


def test_every_field_of_a_job_and_its_outcome_is_documented() -> None:
    for field in JobAnswer.__struct_encode_fields__:
        assert f"`{field}`" in section("http-api", "Get a job"), field
    for field in OutcomeAnswer.__struct_encode_fields__:
        assert f"`{field}`" in section("http-api", "Get the result"), field
    for state in CallbackState:
        assert f"`{state}`" in section("http-api", "Get a job"), state


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


def test_the_workload_of_the_readme_runs_as_it_says(tmp_path: Path) -> None:
    code = next(text for language, text in BLOCKS if language == "python" and "GreetTask" in text)
    (tmp_path / "greet.py").write_text(code)
    command = re.search(r"^    \.venv/bin/python (-m greet .*)$", README, re.MULTILINE)
    assert command is not None
    run = subprocess.run(
        [sys.executable, *shlex.split(command[1])], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    shown = next(text for language, text in BLOCKS if language == "text" and "Hello, Ada" in text)
    said = iter(run.stdout.splitlines())
    assert all(line in said for line in shown.splitlines() if "…" not in line), run.stdout


def test_the_job_that_the_readme_posts_is_a_job() -> None:
    command = next(text for language, text in BLOCKS if language == "bash" and "hello-001" in text)
    body = command.partition("-d '")[2].partition("'\n")[0]
    message = decode_job(body.encode())
    check_message(message)
    plan = plan_job("hello-001", message, workloads=WorkloadRegistry({}), default_pool_id="local")
    assert [task.id for task in plan.tasks] == ["make", "after"]


def test_every_field_of_a_plan_is_documented() -> None:
    for field in msgspec.structs.fields(PlanPreview):
        assert f"`{field.encode_name}`" in section("http-api", "Preview a job"), field.encode_name


def test_the_sweep_of_the_readme_does_what_it_says(tmp_path: Path) -> None:
    body = next(text for language, text in BLOCKS if language == "json" and "taskFactory" in text)
    message = decode_job(body.encode())
    check_message(message)
    plan = plan_factory("sweep-001", message)
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
    plan = plan_factory("scan-001", decode_job(body.encode()))
    assert plan.tasks[-2].command_line == "./solver --alpha 0.5 fine.msh"


def test_the_body_that_the_readme_gives_data_factory_is_a_job() -> None:
    activity = next(json.loads(text) for language, text in BLOCKS if language == "json" and "WebHook" in text)
    body = activity["typeProperties"]["body"] | {"callBackUri": "https://x.datafactory.azure.com/y"}
    check_message(decode_job(json.dumps(body).encode()))


def test_every_json_of_the_page_on_data_factory_is_in_a_file_of_its_example() -> None:
    files = [json.loads(file.read_text()) for file in (ROOT / "examples/data-factory").rglob("*.json")]
    parts = [part for file in files for part in every_object(file)]
    shown = [
        json.loads(block) for block in re.findall(r"```json\n(.*?)```", document("data-factory"), re.DOTALL)
    ]
    assert len(shown) > 5
    assert [block for block in shown if block not in parts] == []


def every_object(value: object) -> Iterator[object]:
    """Yield a JSON value and all its parts."""
    yield value
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from every_object(part)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https?://)([^)#]*)(?:#([^)]*))?\)", page.read_text()):
        linked = page.parent / target if target else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), f"{target}#{anchor}"


def test_the_readme_shows_every_folder_of_the_code() -> None:
    layout = next(text for language, text in BLOCKS if language == "text" and "function_app.py" in text)
    for package in ("batchmgr", "emulators"):
        for folder in (ROOT / package).iterdir():
            if folder.is_dir() and folder.name != "__pycache__":
                assert re.search(rf"^ +(?:\w+/ +)?{folder.name}/ ", layout, re.MULTILINE), folder.name


def test_the_files_that_the_architecture_names_are_there() -> None:
    named = re.findall(r"`([a-z_]+(?:/[a-z_]*)*(?:\.py|/))`", document("architecture"))
    assert len(named) > 40
    assert [name for name in named if not (ROOT / "batchmgr" / name).exists()] == []


def test_the_architecture_shows_the_layers_that_are_checked() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    checked = re.findall(r"\w+", " ".join(contracts[0]["layers"]))
    shown = next(text for text in re.findall(r"```text\n(.*?)```", document("architecture"), re.DOTALL))
    names = re.findall(r"^ ((?:\w+(?:/|\.py) +)+)", shown, re.MULTILINE)
    assert re.findall(r"(\w+)(?:/|\.py)", "".join(names)) == checked


def test_the_index_of_decisions_has_every_record() -> None:
    folder = ROOT / "docs/decisions"
    linked = re.findall(r"\]\(([^)]+)\)", (folder / "README.md").read_text())
    assert linked == sorted(path.name for path in folder.glob("0*.md"))


@pytest.mark.parametrize("target", ["demo", "test", "start", "check", "install", "format"])
def test_the_commands_of_the_documents_are_in_the_makefile(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def document(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text()


def section(name: str, title: str) -> str:
    """The part of a document under a heading of the second level."""
    return document(name).partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
