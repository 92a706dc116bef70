"""The recipe of docs/events.md for browsers is run with an event as Azure Functions hands it over."""

import json
import re
from datetime import UTC, datetime
from typing import Any, get_type_hints

import azure.functions as func
import msgspec
import pytest
from azure.functions.eventgrid import EventGridEventInConverter
from azure.functions.meta import Datum

from batchmgr.model.cloud_event import Event
from batchmgr.wire.event_batches import event_batches
from tests.infra.bicep import ROOT

PAGE = (ROOT / "docs" / "events.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
(RECIPE,) = [block for block in BLOCKS if "event_grid_trigger" in block]

EVENT = Event(
    id="jobs/hello-001/tasks/make/task.failed/0",
    type="batchmgr.task.failed",
    subject="jobs/hello-001/tasks/make",
    time=datetime(2026, 11, 27, 20, 33, 43, 510031, tzinfo=UTC),
    sequence="0000000004",
    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    body=msgspec.Raw(b'{"jobId": "hello-001", "taskId": "make", "exitCode": 3}'),
)


class Actions:
    """What an output binding is set to."""

    def __init__(self) -> None:
        self.value = ""

    def set(self, value: str) -> None:
        self.value = value


@pytest.fixture(name="recipe")
def the_recipe() -> Any:
    app = func.FunctionApp()
    exec(RECIPE, {"app": app, "func": func, "json": json})
    (function,) = app.get_functions()
    return function


def delivered(event: Event) -> Any:
    """Return an event of a topic with the CloudEvents schema, as the worker makes it of the host's JSON."""
    [body] = event_batches([event], 100_000)
    [one] = json.loads(body)
    datum = Datum(json.dumps(one), "json")
    return EventGridEventInConverter.decode(datum, trigger_metadata={})


def test_the_type_that_the_recipe_asks_for_is_the_one_that_is_delivered(recipe: Any) -> None:
    asked = get_type_hints(recipe.get_user_function())["event"]
    assert EventGridEventInConverter.check_input_type_annotation(asked)
    assert isinstance(delivered(EVENT), asked)


def test_the_recipe_sends_an_event_to_the_group_of_its_job(recipe: Any) -> None:
    actions = Actions()
    recipe.get_user_function()(event=delivered(EVENT), actions=actions)
    action = json.loads(actions.value)
    data = json.loads(action.pop("data"))
    assert action == {"actionName": "sendToGroup", "group": "hello-001", "dataType": "json"}
    assert data == {"type": "batchmgr.task.failed", "data": json.loads(bytes(EVENT.body))}


def test_the_recipe_has_the_bindings_that_it_names(recipe: Any) -> None:
    bindings = {one["name"]: one["type"] for one in json.loads(str(recipe))["bindings"]}
    assert bindings == {"event": "eventGridTrigger", "actions": "webPubSub"}
