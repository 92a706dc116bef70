"""The faults with which the recorded sequences start a host: what is changed in the app."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.functions_host.exchanges.stage import Stage

Fault = Callable[[Stage], None]

_ODD_TRIGGER = """
@app.generic_trigger(arg_name="thing", type="nonsenseTrigger")
def odd(thing: str) -> None: ...
"""
_ODD_PARAMETER = """
@app.route(route="odd")
def odd(other: HttpRequest) -> str:
    return ""
"""
_ODD_QUEUE = """
@app.queue_trigger(arg_name="message", queue_name="Bad_Name!", connection=STORAGE)
def odd(message: func.QueueMessage) -> None: ...
"""
_NO_FUNCTIONS = """
import azure.functions as func

app = func.FunctionApp()
"""
_COMMENTS = """// a line
{ /* a comment */
  "version": "2.0",
  "extensions": { "queues": { "maxPollingInterval": "00:00:02" }, }
}
"""


def _code(stage: Stage) -> Path:
    return stage.app / "function_app.py"


def _host_json(stage: Stage) -> Path:
    return stage.app / "host.json"


def _append(text: str) -> Fault:
    return lambda stage: _write(_code(stage), _code(stage).read_text() + f"\n\n{text}\n")


def _replace(old: str, new: str, count: int = -1) -> Fault:
    def replace(stage: Stage) -> None:
        text = _code(stage).read_text()
        assert old in text
        _write(_code(stage), text.replace(old, new, count))

    return replace


def _edit_host_json(edit: Callable[[str], str]) -> Fault:
    return lambda stage: _write(_host_json(stage), edit(_host_json(stage).read_text()))


def _set_batch_size(value: object) -> Fault:
    return lambda stage: stage.edit_host_json(queues={"batchSize": value})


def _setting(name: str, value: str) -> Fault:
    return lambda stage: stage.settings.update({name: value})


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _without_version(text: str) -> str:
    document = json.loads(text)
    del document["version"]
    return json.dumps(document)


def _unknown_properties(text: str) -> str:
    document = json.loads(text)
    document["nonsense"] = document["extensions"]["nonsense"] = {"a": 1}
    document["extensions"]["queues"]["nonsense"] = True
    return json.dumps(document)


FAULTS: Mapping[str, Fault] = {
    "start": lambda _: None,
    "import-error": lambda stage: _write(_code(stage), "import not_there\n" + _code(stage).read_text()),
    "syntax-error": _append("def (:"),
    "duplicate-name": _append('_register_echo("item", "again")'),
    "duplicate-route": _append('_register_echo("again", "items/{id}", ["GET"])'),
    "bad-function-name": _append('_register_echo("1 bad name!", "again")'),
    "unknown-binding": _append(_ODD_TRIGGER),
    "argument-mismatch": _append(_ODD_PARAMETER),
    "bad-queue-name": _append(_ODD_QUEUE),
    "broken-route": _append('_register_echo("odd", "bad/{x")'),
    "unknown-route-constraint": _append('_register_echo("odd", "bad/{x:nonsense}")'),
    "admin-route": _append('_register_echo("odd", "admin/x")'),
    "bad-cron": _setting("Tick", "99 * * * * *"),
    "cron-of-words": _setting("Tick", "every minute"),
    "missing-setting": _replace("%Tick%", "%Tock%"),
    "missing-connection": _replace(
        'queue_name="rec-in", connection=STORAGE', 'queue_name="rec-in", connection="NotThere"'
    ),
    "no-functions": lambda stage: _write(_code(stage), _NO_FUNCTIONS),
    "no-app-file": lambda stage: _code(stage).unlink(),
    "host-json-malformed": _edit_host_json(lambda _: '{"version": "2.0",'),
    "host-json-empty": _edit_host_json(lambda _: ""),
    "host-json-missing": lambda stage: _host_json(stage).unlink(),
    "host-json-without-version": _edit_host_json(_without_version),
    "host-json-unknown-properties": _edit_host_json(_unknown_properties),
    "host-json-comments": _edit_host_json(lambda _: _COMMENTS),
    "host-json-value-out-of-range": _set_batch_size(33),
    "host-json-value-of-wrong-type": _set_batch_size("many"),
    "host-json-bad-timeout": lambda stage: stage.edit_host_json(functionTimeout="soon"),
    "host-json-bom": _edit_host_json(lambda text: "\N{BYTE ORDER MARK}" + text),
}
"""By the name of the sequence; `start` has none."""
