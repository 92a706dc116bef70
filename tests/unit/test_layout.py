"""The numbers of what is stored: older layouts are upgraded, newer ones are refused."""

from typing import Any

import msgspec
import pytest

from batchmgr.errors import NewerLayoutError
from batchmgr.wire import layout
from batchmgr.wire.layout import decode_stored, stamp


class Thing(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    name: str = ""
    size: int = 0


@pytest.mark.parametrize("thing", [Thing(), Thing(name="a"), Thing(name='{"layout":7}', size=3)])
def test_what_is_stamped_is_read_again(thing: Thing) -> None:
    body = stamp(msgspec.json.encode(thing))
    assert msgspec.json.decode(body)["layout"] == layout.LAYOUT
    assert decode_stored(body, Thing, "it") == thing


def test_what_has_no_number_is_of_the_first_layout() -> None:
    assert decode_stored(b'{"name":"a"}', Thing, "it") == Thing(name="a")
    assert decode_stored(b"{}", Thing, "it") == Thing()


def test_what_is_newer_is_refused_with_a_sentence_that_says_what_to_do() -> None:
    with pytest.raises(NewerLayoutError) as raised:
        decode_stored(b'{"layout":9,"name":["another","shape"]}', Thing, "the record of job 'a'")
    assert str(raised.value) == (
        "the record of job 'a' was stored by a later version of batchmgr (layout 9; this one reads 1): "
        "deploy that version again, it goes on with the job"
    )
    assert raised.value.retryable


def test_an_older_layout_is_upgraded_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def named(value: dict[str, Any]) -> dict[str, Any]:
        return {"name": value["title"], **{key: value[key] for key in value if key != "title"}}

    def measured(value: dict[str, Any]) -> dict[str, Any]:
        return {**value, "size": len(value["name"])}

    monkeypatch.setattr(layout, "LAYOUT", 3)
    monkeypatch.setattr(layout, "UPGRADES", {1: named, 2: measured})
    for body in (b'{"title":"abc"}', b'{"layout":1,"title":"abc"}', b'{"layout":2,"name":"abc"}'):
        assert decode_stored(body, Thing, "it") == Thing(name="abc", size=3)
    assert decode_stored(stamp(b'{"name":"abc"}'), Thing, "it") == Thing(name="abc")


def test_there_is_a_step_from_each_layout_to_the_next() -> None:
    assert sorted(layout.UPGRADES) == list(range(layout.FIRST, layout.LAYOUT))
