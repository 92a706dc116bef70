"""The contract of the JobFiles port, and how tasks use the same files."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from batchmgr.dispatcher.folder_job_files import FolderJobFiles
from batchmgr.errors import FileTooLargeError
from batchmgr.plan.file_specifications import ContainerNeed
from batchmgr.plan.ids import job_container
from batchmgr.plan.job_plan import REPORTS_FOLDER
from batchmgr.ports import Ports
from batchmgr.workload.blob_client import get_blob, put_blob
from batchmgr.workload.progress_reporter import ProgressReporter
from tests.contract.port_sets import FakePorts, PortSet, RealPorts

JOB = "Job-1"
NEED = ContainerNeed(container_name=job_container(JOB), is_written=True)
READ = ContainerNeed(container_name=job_container(JOB))


async def reports_url(ports: Ports) -> str:
    """Return the URL to which tasks of the job report."""
    access = await ports.storage.grant_access(JOB, [NEED], timedelta(hours=1), nodes_have_identity=False)
    return access[NEED].blob_url(REPORTS_FOLDER)


@pytest.fixture
def reached(port_set: PortSet) -> Ports:
    """The ports whose files the code of a task can access: not the fakes."""
    if isinstance(port_set, FakePorts):
        pytest.skip("a task can't access the fakes")
    return port_set.ports


async def test_a_blob_is_written_over_what_is_there_and_read_by_its_name(ports: Ports) -> None:
    await ports.storage.grant_access(JOB, [NEED], timedelta(hours=1), nodes_have_identity=False)
    assert await ports.files.read(JOB, "a/b.json", 5) is None
    await ports.files.write(JOB, "a/b.json", b"first")
    await ports.files.write("job-1", "a/b.json", b"second")
    assert await ports.files.read(JOB, "a/b.json", 6) == b"second"


async def test_a_blob_larger_than_the_limit_is_refused_and_an_empty_one_is_read(ports: Ports) -> None:
    await ports.storage.grant_access(JOB, [NEED], timedelta(hours=1), nodes_have_identity=False)
    await ports.files.write(JOB, "large", b"x" * 1001)
    await ports.files.write(JOB, "empty", b"")
    assert await ports.files.read(JOB, "empty", 1000) == b""
    assert len(await ports.files.read(JOB, "large", 1001) or b"") == 1001
    with pytest.raises(FileTooLargeError, match="large has more than 1,000 bytes"):
        await ports.files.read(JOB, "large", 1000)


async def test_a_job_without_a_container_has_no_reports_and_no_blobs(ports: Ports) -> None:
    assert list(await ports.files.reports("Nothing", 10)) == []
    assert await ports.files.read("Nothing", "x", 5) is None


async def test_the_reports_of_tasks_are_listed_unchanged(reached: Ports) -> None:
    url = await reports_url(reached)
    before = datetime.now(UTC) - timedelta(seconds=2)
    for task_id in ("1", "Task-2"):
        environment = {"AZ_BATCH_TASK_ID": task_id, "BATCHMGR_REPORTS_URL": url}
        reporter = ProgressReporter.from_environment(environment)
        reporter.report_progress(1 / 3, "fünf ✓ 100%\r\n")
        reporter.publish_result({"lines": 5})
    found = {report.task_id: report for report in await reached.files.reports(JOB, 10)}
    assert set(found) == {"1", "Task-2"}
    one = found["1"]
    assert (one.fraction, one.message) == (0.3333, "fünf ✓ 100%\r\n")
    assert before <= one.time <= datetime.now(UTC) + timedelta(seconds=2)
    assert one.result_key == found["Task-2"].result_key != ""
    body = json.loads(await reached.files.read(JOB, f"{REPORTS_FOLDER}/1.json", 1000) or b"")
    assert body["result"] == {"lines": 5}
    assert len(await reached.files.reports(JOB, 1)) == 1


async def test_a_later_report_replaces_the_earlier_one(reached: Ports) -> None:
    environment = {"AZ_BATCH_TASK_ID": "1", "BATCHMGR_REPORTS_URL": await reports_url(reached)}
    reporter = ProgressReporter.from_environment(environment)
    reporter.publish_result({"lines": 5})
    [first] = await reached.files.reports(JOB, 10)
    [again] = await reached.files.reports(JOB, 10)
    reporter.report_progress(0.5, "half")
    reporter.close()
    [second] = await reached.files.reports(JOB, 10)
    assert (first.fraction, second.fraction, second.message) == (None, 0.5, "half")
    assert first.result_key == second.result_key
    assert first.version == again.version != second.version
    assert first.time <= second.time


async def test_two_reports_at_the_same_moment_are_two_reports(reached: Ports, monkeypatch: Any) -> None:
    monkeypatch.setattr("time.time_ns", lambda: 1)  # the clock of a node may stand still, or go back
    environment = {"AZ_BATCH_TASK_ID": "1", "BATCHMGR_REPORTS_URL": await reports_url(reached)}
    versions = set()
    for step in range(5):
        reporter = ProgressReporter.from_environment(environment)
        reporter.report_progress(step / 10, "")
        [report] = await reached.files.reports(JOB, 10)
        versions.add(report.version)
    assert len(versions) == 5


JUNK: Mapping[str, Mapping[str, str]] = {
    "1.json": {},
    "2.json": {"fraction": "half", "sequence": "x" * 500, "message": "%ff%", "result": "y" * 500},
    "3.json": {"fraction": "nan"},
    "4.json": {"fraction": "1e999"},
    "6.json": {"message": "", "result": "", "sequence": ""},
    "5.json": {"fraction": "-0.1", "message": "m" * 2000},
    "a b.json": {"fraction": "0.5"},
    "deep/er.json": {"fraction": "0.5"},
}


async def test_invalid_reports_in_storage_are_cut_or_ignored(port_set: PortSet) -> None:
    if not isinstance(port_set, RealPorts):
        pytest.skip("only storage has metadata and signatures")
    access = await port_set.ports.storage.grant_access(
        JOB, [NEED], timedelta(hours=1), nodes_have_identity=False
    )
    for name, facts in JUNK.items():
        put_blob(access[NEED].blob_url(f"{REPORTS_FOLDER}/{name}"), "", b"{", facts)
    found = {report.task_id: report for report in await port_set.ports.files.reports(JOB, 10)}
    assert sorted(found) == ["1", "2", "3", "4", "5", "6"]
    assert {report.fraction for report in found.values()} == {None}
    assert all(len(report.version) <= 64 and len(report.result_key) <= 64 for report in found.values())
    assert found["5"].message.startswith("mmm")
    assert found["5"].message.endswith("m… [cut from 2000 characters]")
    assert len(found["5"].message.encode()) == 400


async def test_invalid_reports_in_a_folder_are_ignored(tmp_path: Path) -> None:
    folder = tmp_path / job_container(JOB) / REPORTS_FOLDER
    contents = ["{", "[]", '{"fraction": "x"}', '{"fraction": 2}', "[" * 100_000, '{"result": 5}', "\xff"]
    for number, content in enumerate(contents):
        put_blob((folder / f"{number}.json").as_uri(), "", content.encode("latin-1"), {})
    put_blob((folder / "bytes.json").as_uri(), "", b'{"message": "\xff"}', {})
    put_blob((folder / "large.json").as_uri(), "", b'{"message": "%s"}' % (b"x" * 10**6), {})
    assert list(await FolderJobFiles(tmp_path).reports(JOB, 10)) == []


async def test_a_task_reads_a_blob_and_notices_a_missing_one(port_set: PortSet) -> None:
    if not isinstance(port_set, RealPorts):
        pytest.skip("only storage has metadata and signatures")
    access = await port_set.ports.storage.grant_access(
        JOB, [NEED, READ], timedelta(hours=1), nodes_have_identity=False
    )
    url = access[READ].blob_url("left.json")
    assert get_blob(url, "", 100) is None
    await port_set.ports.files.write(JOB, "left.json", b"here")
    assert get_blob(url, "", 4) == b"here"
    with pytest.raises(OSError, match="the blob has more than 3 bytes"):
        get_blob(url, "", 3)
    with pytest.raises(OSError, match="403"):
        get_blob(access[NEED].blob_url("left.json"), "", 100)
