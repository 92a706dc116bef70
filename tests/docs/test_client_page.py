"""The page of the client: its examples do what they say, and it leaves no method out."""

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from batchmgr.client import Client
from tests.client.stand_in_app import StandInApp, stand_in_app

PAGE = (Path(__file__).parents[2] / "docs" / "client.md").read_text()
FIRST, PREFECT, AIRFLOW = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
MESSAGE = {"tasks": [{"id": "a", "commandLine": "true"}]}


@pytest.fixture
def app() -> Iterator[StandInApp]:
    with stand_in_app() as started:
        yield started


def ends(app: StandInApp, *states: str) -> None:
    """Let the jobs that are sent end in these states, one after the other."""
    left = iter(states)

    def end() -> None:
        for job_id, job in list(app.jobs.items()):
            if job.body["state"] == "queued":
                app.change(job_id, error={"message": "no"})
                app.end(job_id, next(left))

    app.on_wait = end


def test_the_first_example_runs_a_job(app: StandInApp, capsys: pytest.CaptureFixture[str]) -> None:
    ends(app, "succeeded")
    exec(FIRST.replace("http://127.0.0.1:7071", app.url), {})
    assert capsys.readouterr().out.endswith("succeeded 3\n")


def stand_in(monkeypatch: pytest.MonkeyPatch, name: str, **members: Any) -> None:
    """Put a module with what an example takes from a workflow engine in the place of the engine."""
    module = ModuleType(name)
    vars(module).update(members)
    for part in (name.partition(".")[0], name):
        monkeypatch.setitem(sys.modules, part, module)


def prefect_task(app: StandInApp, monkeypatch: pytest.MonkeyPatch) -> Callable[[], object]:
    runtime = SimpleNamespace(task_run=SimpleNamespace(id="run-1"))
    stand_in(monkeypatch, "prefect", runtime=runtime, task=lambda **options: lambda function: function)
    found: dict[str, Any] = {}
    exec(PREFECT, found)
    return lambda: found["run_job"](MESSAGE, app.url)


def airflow_task(app: StandInApp, monkeypatch: pytest.MonkeyPatch) -> Callable[[], object]:
    class BaseOperator:
        def __init__(self, task_id: str) -> None:
            self.task_id = task_id

    stand_in(monkeypatch, "airflow.sdk", BaseOperator=BaseOperator)
    found: dict[str, Any] = {}
    exec(AIRFLOW, found)
    context = {"ti": SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=-1)}
    operator = found["BatchmgrOperator"](task_id="t", message=MESSAGE, url=app.url)
    return lambda: operator.execute(context)


@pytest.mark.parametrize("engine", [prefect_task, airflow_task])
def test_a_retry_of_an_engine_finds_its_job_and_runs_what_is_left(
    engine: Callable[[StandInApp, pytest.MonkeyPatch], Callable[[], object]],
    app: StandInApp,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = engine(app, monkeypatch)
    ends(app, "partial", "failed", "succeeded")
    for _ in range(2):
        with pytest.raises(RuntimeError, match=r"job job-1.* (partial|failed): no"):
            run()
    run()
    assert list(app.jobs) == ["job-1", "job-1-rerun-1", "job-1-rerun-2"]


def test_the_operator_of_airflow_cancels_its_job(app: StandInApp, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, "airflow.sdk", BaseOperator=object)
    found: dict[str, Any] = {}
    exec(AIRFLOW, found)
    operator = found["BatchmgrOperator"](message=MESSAGE, url=app.url)
    operator.on_kill()
    app.add("a")
    operator.job_id = "a"
    operator.on_kill()
    assert app.jobs["a"].body["state"] == "cancelled"


def test_every_method_is_on_the_page() -> None:
    methods = [name for name, _ in inspect.getmembers(Client, inspect.isfunction) if name[0] != "_"]
    for name in methods:
        assert name == "close" or re.search(rf"`{name}[`(]", PAGE), name
