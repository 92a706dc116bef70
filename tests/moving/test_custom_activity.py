"""docs/moving/data-factory-custom-activity.md: the program of a Custom activity runs as a job."""

import json
import re

import pytest

from tests.data_factory.expressions import evaluate
from tests.moving.conftest import Clone
from tests.moving.story import PAGES, tell
from tests.packaging.fresh_environment import ROOT


@pytest.mark.clients
def test_the_program_finds_activity_json_and_its_outputs_json_is_the_result(clone: Clone) -> None:
    run, logs = tell("data-factory-custom-activity", clone.directory, clone.variables)
    assert 'result of summarize: {"region": "north", "sales": 2, "sum": 160.75}' in run.splitlines()
    assert logs.endswith("2 sales in the region north\n")


def test_the_expression_of_the_page_fills_in_a_value() -> None:
    page = (PAGES / "data-factory-custom-activity.md").read_text()
    expressions = re.findall(r"^@json.*$", page, re.MULTILINE)
    job = (ROOT / "examples" / "custom_activity" / "job.json").read_text().replace("north", "REGION")
    parameters = {"job": json.loads(job), "region": "south"}
    (filled,) = evaluate(expressions, {"pipeline": lambda: {"parameters": parameters}})
    assert filled == json.loads(job.replace("REGION", "south"))
