"""Where everything is well, nothing is wrong."""

from batchmgr.doctor.finding import Status
from tests.doctor.conftest import SetUp


async def test_a_healthy_set_up_is_fine_in_every_point(set_up: SetUp) -> None:
    findings = await set_up.examine()
    assert {one.status for one in findings} == {Status.FINE}
    assert len({one.check for one in findings}) >= 13
