"""The behaviours that were not recorded, from behaviours.toml."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.functions_host.behaviours.behaviour import Behaviour, Here, Known

FILE = Path(__file__).parent / "behaviours.toml"


@dataclass(frozen=True, kw_only=True)
class Listed:
    """An entry of behaviours.toml."""

    behaviour: Behaviour
    test: str
    """The test that shows that it is the same here, as `test_module.py::test_name`. Empty if it differs."""


def listed_behaviours() -> Iterator[Listed]:
    """Give all entries, in the order of the file. Raises KeyError if one lacks something."""
    document = tomllib.loads(FILE.read_text())
    for entry in document["behaviour"]:
        yield Listed(behaviour=_behaviour(entry, document["sources"]), test=entry.get("test", ""))


def _behaviour(entry: dict[str, Any], sources: dict[str, str]) -> Behaviour:
    known = Known(entry["known"])
    return Behaviour(
        group=entry["group"],
        what=entry["what"],
        known=known,
        source="" if known is Known.ASSUMED else f"[{entry['source']}]({sources[entry['source']]})",
        here=Here.DIFFERENT if "differs" in entry else Here.SAME,
        reason=entry.get("differs", ""),
    )
