"""The callback as a receiver sees it."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import unquote

import aiohttp
import pytest
from aiohttp import web

from batchmgr.adapters.http_callback import HttpCallbackSender, callback_session
from batchmgr.errors import InvalidJobError, ServiceBusyError, ServiceError, ServiceRefusedError
from batchmgr.model.callback_rules import CallbackRules
from batchmgr.wire.adf_callback import AdfCallback, AdfError

BODY = AdfCallback(
    output={"jobId": "j", "text": "ü"}, status_code="500", error=AdfError(error_code="C", message="M")
)
KEY = b"a secret key"
LIMIT = timedelta(seconds=20)


@dataclass
class Receiver:
    uri: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    text: str = ""
    seen: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        self.seen.append((dict(request.headers), await request.read()))
        return web.Response(status=self.status, headers=self.headers, text=self.text)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    app = web.Application()
    app.router.add_post("/{path:.*}", made.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.uri = f"http://127.0.0.1:{runner.addresses[0][1]}/done?secret=hidden"
    yield made
    await runner.cleanup()


Make = Callable[..., HttpCallbackSender]


@pytest.fixture
async def sender() -> AsyncIterator[Make]:
    async with aiohttp.ClientSession() as session:

        def make(
            hosts: Sequence[str] = (), *, allow_loopback: bool = True, key: bytes = b""
        ) -> HttpCallbackSender:
            rules = CallbackRules(hosts=hosts, allow_loopback=allow_loopback)
            return HttpCallbackSender(session, rules=rules, key=key)

        yield make


async def test_the_body_follows_the_contract_of_data_factory(sender: Make, receiver: Receiver) -> None:
    await sender().send(receiver.uri, BODY, "msg_j", LIMIT)
    [(headers, body)] = receiver.seen
    assert headers["Content-Type"] == "application/json"
    assert headers["webhook-id"] == "msg_j"
    assert "webhook-signature" not in headers
    assert json.loads(body) == {
        "Output": {"jobId": "j", "text": "ü"},
        "Error": {"ErrorCode": "C", "Message": "M"},
        "StatusCode": "500",
    }


async def test_a_success_has_no_error(sender: Make, receiver: Receiver) -> None:
    await sender().send(receiver.uri, AdfCallback(output={}, status_code="200"), "msg_j", LIMIT)
    assert json.loads(receiver.seen[0][1]) == {"Output": {}, "StatusCode": "200"}


async def test_a_receiver_can_verify_the_signature(sender: Make, receiver: Receiver) -> None:
    await sender(key=KEY).send(receiver.uri, BODY, "msg_j", LIMIT)
    [(headers, body)] = receiver.seen
    signed = f"msg_j.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


@pytest.mark.parametrize(
    ("status", "kind"),
    [(500, ServiceBusyError), (503, ServiceBusyError), (429, ServiceBusyError), (404, ServiceError)],
)
async def test_a_failure_status_is_an_error(
    sender: Make, receiver: Receiver, status: int, kind: type[ServiceError]
) -> None:
    receiver.status, receiver.headers, receiver.text = status, {"Retry-After": "7"}, "try later"
    with pytest.raises(kind) as caught:
        await sender().send(receiver.uri, BODY, "msg_j", LIMIT)
    assert caught.value.status == status
    assert caught.value.retry_after is not None
    assert caught.value.retry_after.total_seconds() == 7
    assert "try later" in str(caught.value)


async def test_a_receiver_cannot_put_its_callback_off_for_years(sender: Make, receiver: Receiver) -> None:
    receiver.status, receiver.headers = 429, {"Retry-After": "315360000"}
    with pytest.raises(ServiceBusyError) as caught:
        await sender().send(receiver.uri, BODY, "msg_j", LIMIT)
    assert caught.value.retry_after == timedelta(hours=1)


async def test_a_receiver_that_repeats_its_uri_does_not_put_it_into_the_error(
    sender: Make, receiver: Receiver
) -> None:
    secret = "hook/5d1c7a90?sig=b%2Bc%2Fd0123456789"
    receiver.status, receiver.headers = 404, {"Retry-After": f"{secret}", "Location": f"/{secret}"}
    receiver.text = f"Cannot POST /{secret}\nCannot POST /{unquote(secret)}"
    with pytest.raises(ServiceError) as caught:
        await sender().send(f"{receiver.uri.partition('/done')[0]}/{secret}", BODY, "msg_j", LIMIT)
    assert "Cannot POST" in str(caught.value)
    assert not [
        part for part in ("hook", "5d1c7a90", "b%2Bc", "b+c/d", "0123456789") if part in str(caught.value)
    ]
    assert caught.value.retry_after is None


async def test_nothing_of_an_answer_is_kept_or_unpacked_for_the_next_call(receiver: Receiver) -> None:
    rules = CallbackRules(hosts=(), allow_loopback=True)
    receiver.headers = {"Set-Cookie": "one=of-another-job", "Content-Encoding": "gzip"}
    receiver.text = "no gzip at all"
    async with callback_session(rules, 1) as session:
        sender = HttpCallbackSender(session, rules=rules, key=b"")
        for _ in range(2):
            await sender.send(receiver.uri, BODY, "msg_j", LIMIT)
    assert [headers.get("Cookie") for headers, _ in receiver.seen] == [None, None]
    assert {headers["Accept-Encoding"] for headers, _ in receiver.seen} == {"identity"}


async def test_redirects_are_not_followed(sender: Make, receiver: Receiver) -> None:
    receiver.status, receiver.headers = 307, {"Location": receiver.uri.replace("done", "elsewhere")}
    with pytest.raises(ServiceRefusedError):
        await sender().send(receiver.uri, BODY, "msg_j", LIMIT)
    assert len(receiver.seen) == 1


async def test_the_error_for_an_unreachable_receiver_does_not_hold_the_uri(sender: Make) -> None:
    with pytest.raises(ServiceBusyError) as caught:
        await sender().send("http://127.0.0.1:9/done?secret=hidden", BODY, "msg_j", LIMIT)
    assert "hidden" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "uri",
    [
        "https://a.datafactory.azure.com/x",
        "https://A.B.DataFactory.azure.com:443/x",
        "https://exact.example/x",
    ],
)
async def test_allowed_hosts_may_be_called(sender: Make, uri: str) -> None:
    sender(["*.datafactory.azure.com", "Exact.example"], allow_loopback=False).check(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "https://datafactory.azure.com.evil.example/x",
        "https://evil.example/?a.datafactory.azure.com",
        "https://a.datafactory.azure.com@evil.example/",
        "http://a.datafactory.azure.com/x",
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://localhost/x",
        "https://169.254.169.254/metadata",
        "https:///x",
        "https://[/x",
        "",
    ],
)
async def test_other_hosts_may_not_be_called(sender: Make, uri: str) -> None:
    with pytest.raises(InvalidJobError) as caught:
        sender(["*.datafactory.azure.com"], allow_loopback=False).check(uri)
    assert caught.value.field == "callBackUri"


@pytest.mark.parametrize("uri", ["http://127.0.0.1:8080/x", "http://localhost/x", "http://[::1]:1/x"])
async def test_loopback_may_be_called_if_it_is_allowed(sender: Make, uri: str) -> None:
    sender().check(uri)
