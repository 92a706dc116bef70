"""docs/moving/data-factory-custom-activity.md: the program of a Custom activity runs as a job."""

import pytest

from tests.moving.conftest import Clone
from tests.moving.story import tell


@pytest.mark.clients
def test_the_program_finds_activity_json_and_its_outputs_json_is_the_result(clone: Clone) -> None:
    run, logs = tell("data-factory-custom-activity", clone.directory, clone.variables)
    assert 'result of summarize: {"region": "north", "sales": 2, "sum": 160.75}' in run.splitlines()
    assert logs.endswith("2 sales in the region north\n")
