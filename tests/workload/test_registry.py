from pathlib import Path

import pytest

from batchmgr import InvalidJobError, WorkloadBase
from batchmgr.adapters.workload_registry import WorkloadRegistry

ENTRY_POINTS = """\
[batchmgr.workloads]
registry_sample = registry_sample:SampleWorkload
registry_broken = registry_broken:BrokenWorkload
registry_script = registry_script:ScriptWorkload
registry_absent = registry_sample:AbsentWorkload
registry_exit = registry_exit:ExitWorkload
registry_module = registry_sample
"""

TASKS = """\
from batchmgr import WorkloadBase, WorkloadTask
class AddTask(WorkloadTask):
    def run(self) -> None: ...
class MulTask(WorkloadTask):
    def run(self) -> None: ...
class W(WorkloadBase):
    def __init__(self, batch_client=None) -> None:
        super().__init__(batch_client)
        for task_type in (MulTask, AddTask):
            self._entry_points_repository.register_entry_point(task_type)
"""


class GoodWorkload(WorkloadBase): ...


def install(site: Path, name: str, entry_points: bytes, version: str = "1.0") -> None:
    """Write what pip installs of a package, except its code."""
    info = site / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_bytes(entry_points)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorkloadRegistry:
    install(tmp_path, "registry_sample", ENTRY_POINTS.encode())
    (tmp_path / "registry_sample.py").write_text(
        "from batchmgr import WorkloadBase\nclass SampleWorkload(WorkloadBase): ...\n"
    )
    (tmp_path / "registry_broken.py").write_text("import no_such_legacy_module\n")
    (tmp_path / "registry_script.py").write_text("raise SystemExit('usage: script FILE')\n")
    (tmp_path / "registry_exit.py").write_text("print('bye')\nexit()\n")
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
    with pytest.raises(InvalidJobError, match="'registry_exit' cannot be loaded: SystemExit"):
        installed.load("registry_exit")
    with pytest.raises(InvalidJobError, match=r"must be package\.module:Class"):
        installed.load("registry_module")
    assert installed.load("registry_sample").name == "registry_sample"


def test_a_workload_is_described_with_its_version_its_task_types_and_its_problems(
    installed: WorkloadRegistry, tmp_path: Path
) -> None:
    package = tmp_path / "registry_tasks"
    package.mkdir()
    (package / "__init__.py").write_text(TASKS)
    (package / "__main__.py").touch()
    install(tmp_path, "registry-tasks", b"[batchmgr.workloads]\nregistry_tasks = registry_tasks:W\n", "2.0")
    found = {one.name: one for one in WorkloadRegistry().describe()}
    tasks = found["registry_tasks"]
    assert (tasks.distribution, tasks.version, tasks.package) == ("registry-tasks", "2.0", "registry_tasks")
    assert (tasks.task_types, tasks.problems) == (("AddTask", "MulTask"), ())
    [problem] = found["registry_sample"].problems
    assert "registry_sample has no __main__.py" in problem
    [problem] = found["registry_broken"].problems
    assert "no_such_legacy_module" in problem
    assert found["registry_broken"].version == "1.0"


def test_a_workload_that_a_setting_names_needs_no_entry_point_and_stands_before_an_installed_one(
    installed: WorkloadRegistry, tmp_path: Path
) -> None:
    (tmp_path / "registry_other.py").write_text(TASKS)
    registry = WorkloadRegistry(
        named={"other": "registry_other:W", "registry_broken": "registry_other:W", "gone": "registry_gone:W"}
    )
    assert registry.load("other").package == registry.load("registry_broken").package == "registry_other"
    assert registry.load("registry_sample").name == "registry_sample"
    with pytest.raises(InvalidJobError, match="No module named 'registry_gone'"):
        registry.load("gone")


@pytest.mark.parametrize("damage", [b"no equals sign\n", b"\xff"])
def test_a_damaged_installed_package_disturbs_no_other(
    installed: WorkloadRegistry, tmp_path: Path, damage: bytes
) -> None:
    install(tmp_path, "registry_damaged", b"[batchmgr.workloads]\n" + damage)
    registry = WorkloadRegistry()
    assert registry.load("registry_sample").name == "registry_sample"
    [damaged] = set(registry.names()).difference(installed.names())
    with pytest.raises(InvalidJobError, match="installed package registry_damaged is damaged"):
        registry.load(damaged)


def test_two_installed_packages_that_declare_the_same_name_are_both_named(
    installed: WorkloadRegistry, tmp_path: Path
) -> None:
    install(tmp_path, "registry_rival", b"[batchmgr.workloads]\nregistry_sample = registry_rival:W\n")
    with pytest.raises(InvalidJobError, match="registry_rival and registry_sample are installed"):
        WorkloadRegistry().load("registry_sample")


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
