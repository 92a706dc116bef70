"""What tasks have used, counted by hand, and what that costs."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchmgr.errors import SettingsError
from batchmgr.model.batch_snapshots import TaskSnapshot
from batchmgr.model.price_table import UsedPrice, read_price_table
from batchmgr.model.usage import MAX_KINDS, OTHER_KINDS, HeldNodes, KindUsage, NodeFacts, Usage
from batchmgr.model.usage_figures import (
    NodeHours,
    cost_of,
    hours_idle,
    hours_used,
    total_of,
    utilisation,
)
from batchmgr.wire.usage_answer import usage_answer

NOW = datetime(2026, 11, 28, tzinfo=UTC)
NODES = NodeFacts(pool_id="hpc", vm_size="standard_d4s_v3", slots_per_node=4)
PRICE = UsedPrice(currency="EUR", region="westeurope", as_of=NOW, dedicated=0.2, spot=0.05)


def ended(
    task_id: str,
    runs: float,
    *,
    slots: int = 1,
    waits: float = 0.0,
    node: str = "d1",
    result: str = "success",
    retries: int = 0,
) -> TaskSnapshot:
    start = NOW + timedelta(seconds=waits)
    return TaskSnapshot(
        task_id=task_id,
        state="completed",
        result=result,  # type: ignore[arg-type]
        state_transition_time=start + timedelta(seconds=runs),
        creation_time=NOW,
        start_time=start,
        end_time=start + timedelta(seconds=runs),
        required_slots=slots,
        retry_count=retries,
        node_id=node,
    )


def is_spot(node: str) -> bool | None:
    return {"s": True, "d": False}.get(node[:1])


TASKS = [
    ended("count-1", 3600, waits=10),
    ended("count-2", 1800, waits=30, node="s1"),
    ended("merge-1", 7200, slots=4, node="gone"),
    ended("merge-2", 60, slots=4, result="failure", retries=2, waits=100),
]


def test_each_kind_is_summed() -> None:
    usage = Usage(nodes=NODES).with_ends(TASKS, is_spot)
    assert usage.kinds == {
        "count": KindUsage(
            tasks=2,
            task_seconds=5400,
            longest_seconds=3600,
            slot_seconds=5400,
            spot_slot_seconds=1800,
            wait_seconds=40,
            waits=2,
        ),
        "merge": KindUsage(
            tasks=2,
            failed=1,
            task_seconds=7260,
            longest_seconds=7200,
            slot_seconds=29_040,
            unknown_slot_seconds=28_800,
            lost_attempts=2,
            waits=1,  # a task that ran again has waited for something else, too
        ),
    }


def test_hours_are_those_of_whole_nodes() -> None:
    used = hours_used(Usage(nodes=NODES).with_ends(TASKS[:2], is_spot))
    assert used == NodeHours(dedicated=0.25, spot=0.125)
    assert used.total * NODES.cores == 1.5  # core hours: the same, of a size with a core a slot


def test_idle_is_what_nodes_were_there_and_did_nothing() -> None:
    held = HeldNodes(seen_at=NOW).seen(NOW, 2, 1).seen(NOW + timedelta(hours=1), 0, 0)
    usage = Usage(nodes=NODES, held=held).with_ends(TASKS[:2], is_spot)
    used = hours_used(usage)
    assert hours_idle(usage.held, used) == NodeHours(dedicated=1.75, spot=0.875)
    assert utilisation(usage) == 0.125
    assert hours_idle(None, used) is None


@pytest.mark.parametrize(
    ("hours", "price", "cost"),
    [
        (NodeHours(dedicated=10, spot=20), PRICE, 3.0),
        (NodeHours(dedicated=10), msgspec.structs.replace(PRICE, spot=None), 2.0),
        (NodeHours(dedicated=10, spot=1), msgspec.structs.replace(PRICE, spot=None), None),
        (NodeHours(dedicated=10, unknown=1), PRICE, None),
        (NodeHours(dedicated=10), None, None),
        (None, PRICE, None),
    ],
)
def test_a_cost_is_told_only_if_every_price_is_known(
    hours: NodeHours | None, price: UsedPrice | None, cost: float | None
) -> None:
    assert cost_of(hours, price) == cost


def test_a_table_has_prices_by_size_and_system() -> None:
    table = read_price_table(
        b'{"currency": "USD", "region": "westeurope", "asOf": "2026-11-01T00:00:00Z", "sizes": '
        b'{"Standard_D2s_v3": {"dedicated": 0.1, "spot": 0.02, "windows": {"dedicated": 0.19}}}}',
        "prices.json",
    )
    linux, windows = table.price("standard_d2s_v3"), table.price("STANDARD_D2S_V3", "windows")
    assert linux is not None
    assert windows is not None
    assert (linux.dedicated, linux.spot, windows.dedicated, windows.spot) == (0.1, 0.02, 0.19, None)
    assert table.price("Standard_D4s_v3") is None


@pytest.mark.parametrize("text", [b"", b"{}", b'{"currency": "EUR"}', b"[1]"])
def test_what_is_no_table_is_refused_with_its_name(text: bytes) -> None:
    with pytest.raises(SettingsError, match=r"prices\.json is no table of prices"):
        read_price_table(text, "prices.json")


def test_a_negative_price_is_refused() -> None:
    text = b'{"currency":"E","region":"r","asOf":"2026-01-01T00:00:00Z","sizes":{"a":{"dedicated":-1}}}'
    with pytest.raises(SettingsError, match="negative"):
        read_price_table(text, "prices.json")


def test_kinds_beyond_the_limit_are_counted_together() -> None:
    tasks = [ended("1", 1.0) for _ in range(3)]
    names = [
        msgspec.structs.replace(task, display_name=f"kind-{'x' * n}") for n in range(60) for task in tasks
    ]
    usage = Usage().with_ends(names[:90], is_spot).with_ends(names[90:], is_spot)
    assert len(usage.kinds) == MAX_KINDS + 1
    assert usage.kinds[OTHER_KINDS].tasks == 3 * (60 - MAX_KINDS)
    assert total_of(usage.kinds.values()).tasks == 180


@given(
    st.lists(st.tuples(st.integers(0, 10**5), st.integers(1, 8), st.sampled_from("sdu")), max_size=30),
    st.data(),
)
def test_it_does_not_matter_in_how_many_portions_tasks_are_counted(
    drawn: list[tuple[int, int, str]], data: st.DataObject
) -> None:
    tasks = [
        ended(f"k{n % 3}x-{n}", runs, slots=slots, node=node) for n, (runs, slots, node) in enumerate(drawn)
    ]
    cut = data.draw(st.integers(0, len(tasks)))
    at_once = Usage(nodes=NODES).with_ends(tasks, is_spot)
    assert Usage(nodes=NODES).with_ends(tasks[:cut], is_spot).with_ends(tasks[cut:], is_spot) == at_once
    total, used = total_of(at_once.kinds.values()), hours_used(at_once)
    assert total.slot_seconds >= total.task_seconds
    assert used.total == pytest.approx(total.slot_seconds / 4 / 3600)


def test_the_answer_leaves_out_what_is_not_known() -> None:
    bare = msgspec.to_builtins(usage_answer(Usage().with_ends(TASKS[:1], is_spot)))
    assert not {"vmSize", "coreHours", "cost", "utilisation", "nodeHoursIdle"} & bare.keys()
    full = usage_answer(Usage(nodes=NODES, price=PRICE).with_ends(TASKS[:2], is_spot))
    assert (full.core_hours, full.mean_wait_seconds, full.vm_size) == (1.5, 20.0, "standard_d4s_v3")
    assert full.cost is not None
    assert (full.cost.used, full.cost.idle, full.cost.currency) == (0.05625, None, "EUR")


def test_lost_runs_are_added_to_their_kinds_once() -> None:
    usage = Usage(nodes=NODES).with_ends(TASKS, is_spot)
    for _ in range(2):  # a step that is repeated
        usage = usage.with_lost_runs([("merge", 10.0), ("merge", 2.5), ("unknown", 1.0)])
    merge = usage.kinds["merge"]
    assert (merge.lost_attempts, merge.lost_seen, merge.lost_seconds) == (2, 2, 12.5)
    assert usage.kinds["count"] == Usage(nodes=NODES).with_ends(TASKS, is_spot).kinds["count"]
