from pathlib import Path

import pytest

from batchmgr import InvalidJobError, WorkloadBase
from batchmgr.workload.registry import WorkloadRegistry

ENTRY_POINTS = """\
[batchmgr.workloads]
registry_sample = registry_sample:SampleWorkload
registry_broken = registry_broken:BrokenWorkload
registry_script = registry_script:ScriptWorkload
registry_absent = registry_sample:AbsentWorkload
"""


class GoodWorkload(WorkloadBase): ...


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorkloadRegistry:
    info = tmp_path / "registry_sample-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: registry-sample\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    (tmp_path / "registry_sample.py").write_text(
        "from batchmgr import WorkloadBase\nclass SampleWorkload(WorkloadBase): ...\n"
    )
    (tmp_path / "registry_broken.py").write_text("import no_such_legacy_module\n")
    (tmp_path / "registry_script.py").write_text("raise SystemExit('usage: script FILE')\n")
    monkeypatch.syspath_prepend(tmp_path)
    return WorkloadRegistry()


def test_an_installed_workload_is_found_by_its_entry_point(installed: WorkloadRegistry) -> None:
    workload = installed.load("registry_sample")
    assert workload.name == workload.package == "registry_sample"


def test_a_broken_workload_is_listed_and_disturbs_no_other(installed: WorkloadRegistry) -> None:
    assert {"registry_sample", "registry_broken"} <= set(installed.names())
    with pytest.raises(
        InvalidJobError, match="'registry_broken' cannot be loaded: ModuleNotFoundError"
    ) as caught:
        installed.load("registry_broken")
    assert caught.value.field == "workload"
    with pytest.raises(InvalidJobError, match="usage: script FILE"):
        installed.load("registry_script")
    with pytest.raises(InvalidJobError, match="AbsentWorkload"):
        installed.load("registry_absent")
    assert installed.load("registry_sample").name == "registry_sample"


def test_an_unknown_workload_is_refused_with_those_that_are_known() -> None:
    registry = WorkloadRegistry({"b": lambda: GoodWorkload, "a": lambda: GoodWorkload})
    with pytest.raises(InvalidJobError, match="no workload 'c'; installed: a, b") as caught:
        registry.load("c")
    assert caught.value.field == "workload"
    with pytest.raises(InvalidJobError, match="installed: none"):
        WorkloadRegistry({}).load("c")


def test_what_is_no_workload_class_is_refused() -> None:
    for thing in (dict, GoodWorkload(), "GoodWorkload"):
        with pytest.raises(InvalidJobError, match="is not a WorkloadBase class"):
            WorkloadRegistry({"thing": lambda thing=thing: thing}).load("thing")  # type: ignore[misc]


def test_a_workload_is_not_imported_before_it_is_asked_for() -> None:
    loaded: list[str] = []

    def loader() -> object:
        loaded.append("good")
        return GoodWorkload

    registry = WorkloadRegistry({"good": loader})
    assert registry.names() == ("good",)
    assert loaded == []
    registry.load("good")
    assert loaded == ["good"]
