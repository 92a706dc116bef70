"""docs/doctor.md shows what the command prints, and names every check."""

import re

from batchmgr.doctor.finding import Status
from batchmgr.doctor.report import as_text
from tests.doctor.conftest import SetUp
from tests.infra.bicep import ROOT

DOCUMENT = (ROOT / "docs/doctor.md").read_text()


async def test_the_sample_is_what_the_command_prints(set_up: SetUp) -> None:
    set_up.environment["BATCHMGR_POOL_ID"] = "hpc"
    set_up.environment["BATCHMGR_CALLBACK_HOSTS"] = "https://hooks.example.com/batch"
    printed = re.sub(r"the account test\d+ ", "the account mystore ", as_text(await set_up.examine()))
    shown = DOCUMENT.partition("```text\n")[2].partition("\n```")[0]
    assert shown == printed


def test_every_check_is_documented_and_no_other() -> None:
    sources = [path.read_text() for path in (ROOT / "batchmgr/doctor").glob("*.py")]
    text = "\n".join(sources)
    made = set(re.findall(r'\b(?:fine|wrong|warning|unknown|level|refused)\(\s*"([a-z ]+)"', text))
    made |= set(
        re.findall(r'^(?:CHECK|BLOBS, QUEUES, BATCH|    check(?:, \w+)?) = "([a-z ]+)"', text, re.MULTILINE)
    )
    made |= {"app identity"}
    rows = DOCUMENT.partition("| check |")[2].partition("\n\n")[0]
    documented = {
        name for line in rows.splitlines()[2:] for name in re.findall(r"`([a-z ]+)`", line.split("|")[1])
    }
    assert made == documented


def test_every_status_is_documented() -> None:
    rows = DOCUMENT.partition("| status |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)`", rows, re.MULTILINE) == [str(status) for status in Status]
