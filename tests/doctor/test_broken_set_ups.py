"""Each broken set-up is explained in words that mend it. Where it can be done here, the remedy is done."""

import asyncio
import time

import pytest
from aiohttp import web

from batchmgr.doctor.finding import Status, is_wrong
from tests.doctor.broken import carry_out
from tests.doctor.broken_set_ups import BROKEN, UNKNOWN, WRONG
from tests.doctor.conftest import SetUp
from tests.doctor.ways_to_break import OTHER_KEY, drop, put


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_set_up_is_explained_and_its_remedy_mends_it(set_up: SetUp, name: str) -> None:
    broken = BROKEN[name]
    await carry_out(broken.by, set_up)
    findings = await set_up.examine()
    broken.check_told(findings)
    assert is_wrong(findings) is (broken.status is Status.WRONG)
    if broken.mend is not None:
        await carry_out(broken.mend, set_up)
        assert (await set_up.examine()).troubles == set()


async def test_a_wrong_setting_does_not_hide_another(set_up: SetUp) -> None:
    await carry_out(BROKEN["two wrong settings"].by, set_up)
    texts = [one.what for one in await set_up.examine() if one.status is WRONG]
    assert texts == ["BATCHMGR_BLOB_SOURCE is 'Polling'", "BATCHMGR_STALL_LIMIT is '6 hours'"]


@pytest.mark.parametrize(("minutes", "side"), [(10, "ahead of"), (-10, "behind")])
async def test_a_clock_that_is_ten_minutes_off_is_told(set_up: SetUp, minutes: int, side: str) -> None:
    findings = await set_up.examine(now=lambda: time.time() + minutes * 60)
    found = findings.of("clock")
    assert found.status is WRONG
    assert f"10 minutes {side}" in found.what or f"9 minutes {side}" in found.what
    assert "timedatectl set-ntp true" in found.remedy


async def test_what_depends_on_something_broken_is_not_tried(set_up: SetUp) -> None:
    await carry_out(drop("AzureWebJobsStorage"), set_up)
    await carry_out(put("BATCHMGR_BATCH_KEY", OTHER_KEY), set_up)
    findings = await set_up.examine()
    for check in ("blobs", "queues", "pool", "packages"):
        assert findings.of(check).status is UNKNOWN
        assert findings.of(check).what.startswith("not looked at, because ")


@pytest.mark.parametrize(
    ("to_nobody", "status", "what"),
    [(True, WRONG, "has not answered"), (False, UNKNOWN, "there was no answer in")],
)
async def test_a_service_that_never_answers_does_not_hold_the_command_up(
    set_up: SetUp, monkeypatch: pytest.MonkeyPatch, to_nobody: bool, status: Status, what: str
) -> None:
    """It answers nobody, or only who does not sign in."""

    async def never(request: web.Request) -> web.Response:
        if to_nobody or "Authorization" in request.headers:
            await asyncio.Event().wait()
        return web.Response()

    monkeypatch.setattr("batchmgr.doctor.check_endpoints.SECONDS", 0.3)
    monkeypatch.setattr("batchmgr.doctor.examine.SECONDS", 0.3)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", never)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        await carry_out(put("BATCHMGR_BATCH_ENDPOINT", f"http://127.0.0.1:{runner.addresses[0][1]}"), set_up)
        found = (await set_up.examine()).of("batch")
    finally:
        await runner.cleanup()
    assert found.status is status
    assert what in found.what
