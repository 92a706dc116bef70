"""The manifest of a FinalizeTask: how it is read, and the errors if it cannot be read."""

from pathlib import Path

import pytest

from batchmgr import FinalizeTask
from batchmgr.errors import ManifestError
from batchmgr.workload import manifest as manifests
from batchmgr.workload.entry_points import EntryPointsRepository
from batchmgr.workload.manifest import FinishedTask, Manifest, TaskOutput, load_manifest
from batchmgr.workload.task_command import run_finalize

OUTPUT = TaskOutput(source_file_path="*.txt", url="https://a/job-j/é b/")
TASKS = [
    FinishedTask(id="b", state="active"),
    FinishedTask(id="10", state="completed", result="failure", exit_code=3, error="Bug: ✗"),
    FinishedTask(id="2", state="completed", result="success", exit_code=0, outputs=(OUTPUT,)),
    FinishedTask(id="a", state="completed", result="failure"),
]


def test_tasks_are_in_order_of_their_numbers_and_then_of_their_names() -> None:
    assert [task.id for task in Manifest.of(TASKS).tasks] == ["2", "10", "a", "b"]
    assert [task.has_succeeded for task in Manifest.of(TASKS).tasks] == [True, False, False, False]


def test_a_manifest_is_read_as_it_was_written() -> None:
    assert Manifest.from_json(Manifest.of(TASKS).to_json()) == Manifest.of(TASKS)


def test_a_file_in_the_working_directory_is_read_instead_of_the_blob(tmp_path: Path) -> None:
    (tmp_path / "batchmgr-manifest.json").write_text(Manifest.of(TASKS).to_json(), encoding="utf-8")
    assert load_manifest({}, tmp_path) == Manifest.of(TASKS)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b'{"tasks": 5}',
        b'{"tasks": [{}]}',
        b'{"tasks": [{"id": "1", "state": "completed", "outputs": [], "other": 1}]}',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_any_other_file_in_its_place_is_a_manifest_error(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "batchmgr-manifest.json").write_bytes(content)
    with pytest.raises(ManifestError, match=r"is not what batchmgr writes .*has a task of this job"):
        load_manifest({}, tmp_path)


def test_without_a_url_the_error_says_why_there_is_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="BATCHMGR_MANIFEST_URL is not set"):
        load_manifest({}, tmp_path)


class Storage:
    """Storage that has the manifest only after some requests."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, after: int) -> None:
        self.asked = 0
        self.now = 0.0
        self._after = after
        monkeypatch.setattr(manifests, "get_blob", self.get)
        monkeypatch.setattr(manifests.__name__ + ".time.sleep", self.sleep)
        monkeypatch.setattr(manifests.__name__ + ".time.monotonic", lambda: self.now)

    def get(self, url: str, identity: str, max_bytes: int) -> bytes | None:
        self.asked += 1
        return Manifest.of(TASKS).to_json().encode() if self.asked > self._after else None

    def sleep(self, seconds: float) -> None:
        self.now += seconds


URL = {"BATCHMGR_MANIFEST_URL": "https://a/job-j/batchmgr-manifest.json?sig=1"}


def test_the_finalize_task_waits_for_the_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = Storage(monkeypatch, after=7)
    assert load_manifest(URL, tmp_path) == Manifest.of(TASKS)
    assert storage.asked == 8


def test_the_finalize_task_stops_waiting_if_the_poller_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = Storage(monkeypatch, after=10**9)
    with pytest.raises(ManifestError, match=r"no manifest within 600 s: is its timer \(poll_jobs\) running"):
        load_manifest(URL, tmp_path)
    assert 600 <= storage.now < 605


def test_an_error_of_storage_does_not_show_the_signature(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(url: str, identity: str, max_bytes: int) -> bytes | None:
        raise OSError("HTTP Error 403: forbidden")

    monkeypatch.setattr(manifests, "get_blob", refuse)
    with pytest.raises(ManifestError, match="cannot be read: HTTP Error 403") as caught:
        load_manifest(URL, tmp_path)
    assert "sig" not in str(caught.value)


class AskingTask(FinalizeTask):
    """Reads the manifest, and does nothing else."""

    def run(self) -> None:
        assert self.manifest is self.manifest


def test_a_manifest_that_cannot_be_read_is_a_failure_of_the_infrastructure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Storage(monkeypatch, after=10**9)
    repository = EntryPointsRepository()
    repository.register_finalize_task(AskingTask)
    environment = {**URL, "AZ_BATCH_TASK_WORKING_DIR": str(tmp_path), "BATCHMGR_FINALIZE": '{"jobId":"j"}'}
    assert run_finalize(repository, environment) == 70
    assert capsys.readouterr().err.startswith("The node failed: batchmgr left no manifest within 600 s")
