"""What the host and the Python worker are told of the app: its functions, and what each is bound to."""

import inspect
from typing import get_type_hints

import azure.functions as func
import pytest

from batchmgr.adapters.queue_names import POISON, QUEUES
from tests.functions.app import Binding, bindings, load_app


def http(method: str, route: str, level: str = "FUNCTION") -> list[Binding]:
    trigger = {"type": "httpTrigger", "direction": "IN", "name": "req"}
    answer = {"type": "http", "direction": "OUT", "name": "$return"}
    return [{**trigger, "methods": [method], "route": route, "authLevel": level}, answer]


def queue(name: str) -> list[Binding]:
    trigger = {"type": "queueTrigger", "direction": "IN", "name": "message", "dataType": "BINARY"}
    return [{**trigger, "queueName": name, "connection": "AzureWebJobsStorage"}]


INDEX: dict[str, list[Binding]] = {
    "create_job": http("POST", "jobs"),
    "plan_job": http("POST", "plan"),
    "create_upload": http("POST", "uploads"),
    "list_jobs": http("GET", "jobs"),
    "get_job": http("GET", "jobs/{jobId}"),
    "get_result": http("GET", "jobs/{jobId}/result"),
    "list_tasks": http("GET", "jobs/{jobId}/tasks"),
    "get_task": http("GET", "jobs/{jobId}/tasks/{taskId}"),
    "get_timeline": http("GET", "jobs/{jobId}/timeline"),
    "get_task_file": http("GET", "jobs/{jobId}/tasks/{taskId}/files/{*path}"),
    "get_failures": http("GET", "jobs/{jobId}/failures"),
    "get_result_file": http("GET", "jobs/{jobId}/results/{*name}"),
    "list_events": http("GET", "jobs/{jobId}/events"),
    "get_usage": http("GET", "jobs/{jobId}/usage"),
    "cancel_job": http("POST", "jobs/{jobId}/cancel"),
    "list_dead_letters": http("GET", "dead-letters"),
    "rerun_job": http("POST", "jobs/{jobId}/rerun"),
    "redrive_job": http("POST", "jobs/{jobId}/redrive"),
    "delete_job": http("DELETE", "jobs/{jobId}"),
    "get_openapi": http("GET", "openapi.json"),
    "get_dashboard": http("GET", "dashboard", "ANONYMOUS"),
    "get_health": http("GET", "health", "ANONYMOUS"),
    "get_health_details": http("GET", "health/details"),
    "submit_job": queue("batchmgr-job-requests"),
    "deliver_callback": queue("batchmgr-callbacks"),
    "finalize_job_again": queue("batchmgr-finalize"),
    "poll_more_jobs": queue("batchmgr-polls"),
    "poll_jobs": [
        {
            "type": "timerTrigger",
            "direction": "IN",
            "name": "timer",
            "schedule": "%BATCHMGR_POLL_SCHEDULE%",
            "useMonitor": False,
        }
    ],
    "let_go_of_old_jobs": [
        {
            "type": "timerTrigger",
            "direction": "IN",
            "name": "timer",
            "schedule": "0 30 3 * * *",
        }
    ],
    "finalize_job": [
        {
            "type": "blobTrigger",
            "direction": "IN",
            "name": "blob",
            "path": "batchmgr-finalize/{jobId}.json",
            "connection": "AzureWebJobsStorage",
            "source": "EventGrid",
        }
    ],
}
"""Every function and its bindings, as the library hands them to the host."""


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> dict[str, func.Function]:
    """The functions of the app where the blob source is not set."""
    monkeypatch.delenv("BATCHMGR_BLOB_SOURCE", raising=False)
    return load_app()


def test_the_app_has_these_functions_and_bindings(index: dict[str, func.Function]) -> None:
    assert {name: bindings(function) for name, function in index.items()} == INDEX


@pytest.mark.parametrize("source", ["EventGrid", "LogsAndContainerScan"])
def test_the_blob_source_follows_its_setting(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATCHMGR_BLOB_SOURCE", source)
    [trigger] = bindings(load_app()["finalize_job"])
    assert trigger["source"] == source


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BATCHMGR_BLOB_SOURCE", "Sometimes"),
        ("BATCHMGR_WORKLOADS", "no workload"),
        ("BATCHMGR_CALLBACK_KEY", "whsec_!"),
        ("BATCHMGR_BODY_LIMIT_MIB", "many"),
        ("BATCHMGR_POLL_SCHEDULE", ""),
    ],
)
async def test_a_wrong_setting_does_not_keep_the_app_from_being_indexed_and_every_answer_names_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str, value: str
) -> None:
    monkeypatch.setenv("BATCHMGR_POLL_SCHEDULE", "*/15 * * * * *")
    monkeypatch.setenv(name, value)
    app = load_app()
    assert set(app) == set(INDEX)
    for function in ("get_health_details", "list_jobs"):
        request = func.HttpRequest("GET", "https://app/api/x", body=b"")
        answer = await app[function].get_user_function()(request)
        assert answer.status_code == 503
        assert name in answer.get_body().decode()
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert name in caplog.text


def test_every_function_is_a_coroutine_function(index: dict[str, func.Function]) -> None:
    sync = [n for n, f in index.items() if not inspect.iscoroutinefunction(f.get_user_function())]
    assert sync == []


def test_the_worker_accepts_the_parameters_and_annotations_of_every_function(
    index: dict[str, func.Function],
) -> None:
    converters = func.get_binding_registry()
    for name, function in index.items():
        trigger, *returns = bindings(function)
        hints = get_type_hints(function.get_user_function())
        annotation = hints.pop("return")
        assert list(hints) == list(inspect.signature(function.get_user_function()).parameters), name
        assert list(hints) == [trigger["name"]], name
        assert converters.get(trigger["type"]).check_input_type_annotation(hints[trigger["name"]]), name
        if returns:
            assert converters.get("http").check_output_type_annotation(annotation), name
        else:
            assert annotation is type(None), name


def test_only_the_health_check_and_the_page_without_data_are_anonymous(
    index: dict[str, func.Function],
) -> None:
    levels = {name: bindings(function)[0].get("authLevel") for name, function in index.items()}
    anonymous = {name for name, level in levels.items() if level == "ANONYMOUS"}
    assert anonymous == {"get_health", "get_dashboard"}
    assert set(levels.values()) == {"ANONYMOUS", "FUNCTION", None}


def test_each_trigger_queue_and_its_poison_queue_are_created_at_start(
    index: dict[str, func.Function],
) -> None:
    triggers = [bindings(function)[0] for function in index.values()]
    names = [trigger["queueName"] for trigger in triggers if trigger["type"] == "queueTrigger"]
    assert names == [name.lower() for name in names]
    assert set(names) | {name + POISON for name in names} <= set(QUEUES)


def test_no_function_is_retried_by_the_host_on_top_of_its_trigger(index: dict[str, func.Function]) -> None:
    assert [n for n, f in index.items() if f.get_settings_dict("retry_policy")] == []
