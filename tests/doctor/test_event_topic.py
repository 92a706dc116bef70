"""The topic that events are sent to: whether the app may send is tried, and no event gets there."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from azure.core.credentials import AzureKeyCredential
from azure.eventgrid.aio import EventGridPublisherClient

from batchmgr.adapters.service_errors import token_claims
from batchmgr.devstack.local_identities import APP
from batchmgr.devstack.stack import Stack
from batchmgr.doctor.check_event_topic import check_event_topic
from batchmgr.doctor.check_identity import Caller
from batchmgr.doctor.finding import Finding, Status
from batchmgr.doctor.remedies import Remedies
from fakebatch.tls import make_certificate, server_context
from tests.doctor.test_without_keys import doctor
from tests.identity.conftest import azurite, roles, stack

__all__ = ["azurite", "roles", "stack"]

REQUIRED = {"specversion", "type", "source", "id"}
THE_APP = Caller(name="the identity with client id 1", object_id="2")


class Topic:
    """A topic: who may send is looked at first, and then the events, all or none of which are taken."""

    def __init__(self, refusal: int = 0) -> None:
        self.refusal = refusal
        self.taken: list[dict[str, object]] = []
        self.callers: list[str] = []

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one call."""
        if request.method != "POST":
            return web.Response(status=404)
        self.callers.append(request.headers.get("Authorization", ""))
        if self.refusal:
            return web.json_response({"error": {"code": "Refused", "message": "no"}}, status=self.refusal)
        events = json.loads(await request.read())
        assert request.headers["Content-Type"].startswith("application/cloudevents-batch+json")
        if not all(set(one) >= REQUIRED for one in events):
            return web.json_response({"error": {"code": "BadRequest", "message": "a format"}}, status=400)
        self.taken += events
        return web.Response()

    @asynccontextmanager
    async def served(self, certificate: Path | None = None) -> AsyncIterator[str]:
        """Serve it, with a certificate or without. Yield its endpoint."""
        app = web.Application()
        app.router.add_route("*", "/api/events", self.answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            context = server_context(certificate) if certificate else None
            await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
            scheme = "https" if certificate else "http"
            yield f"{scheme}://127.0.0.1:{runner.addresses[0][1]}/api/events"
        finally:
            await runner.cleanup()


async def look_at(topic: Topic, caller: Caller = THE_APP) -> Finding:
    async with (
        topic.served() as endpoint,
        EventGridPublisherClient(endpoint, AzureKeyCredential("k"), retry_total=0) as client,
    ):
        remedies = Remedies(assignee=caller.object_id)
        named = "https://job-events.westeurope-1.eventgrid.azure.net/api/events"
        (found,) = await check_event_topic(client, named, caller, remedies)
    return found


async def test_a_topic_that_would_take_an_event_is_fine_and_gets_none() -> None:
    topic = Topic()
    found = await look_at(topic)
    assert (found.status, found.what) == (Status.FINE, "the topic job-events would take events")
    assert (len(topic.callers), topic.taken) == (1, [])


@pytest.mark.parametrize("status", [401, 403])
async def test_a_missing_role_is_named_with_the_command_that_gives_it(status: int) -> None:
    found = await look_at(Topic(status))
    assert found.status is Status.WRONG
    assert "may not send events: it lacks the role EventGrid Data Sender on the topic" in found.what
    command = found.remedy.splitlines()[-1].strip()
    assert command.startswith(
        "az role assignment create --assignee 2 --role 'EventGrid Data Sender' --scope "
    )
    assert "--resource-type Microsoft.EventGrid/topics --name job-events" in command


async def test_what_somebody_else_may_not_says_nothing_of_the_app() -> None:
    found = await look_at(Topic(403), Caller(name="ann@example.com", is_app=False))
    assert found.status is Status.UNKNOWN
    assert "ann@example.com may not send events, who is not the app" in found.what


@pytest.mark.parametrize(("status", "what"), [(404, "Resource not found"), (503, "503")])
async def test_a_topic_that_is_gone_or_fails_is_told(status: int, what: str) -> None:
    found = await look_at(Topic(status))
    assert found.status is Status.WRONG
    assert what in found.what


@pytest.mark.without_keys
@pytest.mark.parametrize(("refusal", "status"), [(0, "fine"), (403, "wrong")])
async def test_the_command_tries_it_with_the_identity_of_the_app(
    stack: Stack, tmp_path: Path, refusal: int, status: str
) -> None:
    topic, certificate = Topic(refusal), make_certificate(tmp_path / "tls", "127.0.0.1")
    async with topic.served(certificate) as endpoint:
        file = with_topic(Path(stack.endpoints.settings_file), tmp_path, endpoint, certificate)
        ended = await doctor(stack, "--settings", str(file))
    assert ended.of("event topic")["status"] == status, ended.findings
    assert {one["check"] for one in ended.findings if one["status"] != "fine"} == (
        {"event topic"} if refusal else set()
    )
    (caller,) = topic.callers
    assert token_claims(caller.removeprefix("Bearer "))["appid"] == APP.client_id
    assert topic.taken == []


def with_topic(settings_file: Path, folder: Path, endpoint: str, certificate: Path) -> Path:
    """Return the settings with a topic, whose certificate is trusted."""
    settings = json.loads(settings_file.read_text())
    trusted, file = folder / "trusted.pem", folder / "local.settings.json"
    trusted.write_text(Path(settings["Values"]["SSL_CERT_FILE"]).read_text() + certificate.read_text())
    settings["Values"] |= {"SSL_CERT_FILE": str(trusted), "BATCHMGR_EVENT_TOPIC": endpoint}
    file.write_text(json.dumps(settings))
    return file
