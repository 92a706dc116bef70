"""Telemetry of the whole local stack, whose processes export by OTLP."""

import pytest

from batchmgr.devstack.stack import running_stack
from tests.integration.client import connected
from tests.integration.receiver import receiving
from tests.integration.stack_options import stack_options
from tests.integration.wait_until import until
from tests.telemetry.receiver import receiving as receiving_telemetry

SPANS = ("accept job", "submit job", "finalize job", "deliver callback", "POST")
METRICS = ("batchmgr.job.active", "batchmgr.callback.age", "batchmgr.client.duration")
LINES = tuple(
    f"job traced is {state}" for state in ("queued", "submitting", "running", "finalizing", "succeeded")
)
EXPORTED = {
    *(("span", name) for name in SPANS),
    *(("metric", name) for name in METRICS),
    *(("log", line) for line in LINES),
}
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.usefixtures("azurite")
async def test_a_job_on_the_stack_is_one_trace_from_its_caller_to_its_callback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with receiving_telemetry() as telemetry:
        monkeypatch.setenv("PYTHON_ENABLE_OPENTELEMETRY", "true")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", telemetry.url)
        monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "500")
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
        monkeypatch.setenv("OTEL_BLRP_SCHEDULE_DELAY", "200")
        async with running_stack(stack_options()) as stack, connected(stack.endpoints) as client:
            async with receiving() as receiver:
                message = {
                    "jobId": "traced",
                    "tasks": [{"id": "1", "commandLine": "/bin/true"}],
                    "callBackUri": receiver.uri,
                }
                caller = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
                assert (await client.post("/jobs", message, caller)).status == 202
                call = await receiver.call()
            assert {name.lower(): v for name, v in call.headers.items()}["traceparent"].startswith(
                f"00-{TRACE}-"
            )
            events = await client.events("traced")
            assert {event["traceparent"].split("-")[1] for event in events} == {TRACE}

            async def exported() -> bool:
                kept = {(kind, name) for kind, _, name in telemetry.otlp}
                return kept >= EXPORTED

            await until(exported)
        # A step may be tried twice, but a job enters a state once.
        lines = [name for kind, _, name in telemetry.otlp if kind == "log"]
        assert [lines.count(line) for line in LINES] == [1] * len(LINES)
