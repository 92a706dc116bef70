"""Tests the content of an application package, and that every build of it is the same."""

import os
import shutil
import stat
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from batchmgr.errors import PackageError
from batchmgr.packaging.build_package import ApplicationPackage, build_package, file_digest
from batchmgr.packaging.package_identity import read_identity
from batchmgr.packaging.read_project import read_project
from batchmgr.packaging.reproducible_archive import EARLIEST
from tests.packaging.sample import write_sample
from tests.packaging.wheels import write_wheel


def build(
    project: Path, output: Path, *, time: datetime = EARLIEST, vendor: bool = False
) -> ApplicationPackage:
    return build_package(read_project(project), output, time=time, vendor=vendor)


def names(package: ApplicationPackage) -> list[str]:
    with zipfile.ZipFile(package.archive) as archive:
        return archive.namelist()


def test_it_has_the_workload_and_the_part_of_batchmgr_for_nodes_and_nothing_else(tmp_path: Path) -> None:
    package = build(write_sample(tmp_path), tmp_path / "out")
    assert package.archive == tmp_path / "out" / "letter_count-1.2.3.zip"
    assert package.sha256 == file_digest(package.archive)
    found = names(package)
    assert [name for name in found if not name.startswith("batchmgr")] == [
        "letter_count-1.2.3.dist-info/METADATA",
        "letter_count/__init__.py",
        "letter_count/__main__.py",
        "letter_count/data/letters.txt",
        "letter_count/data/tool.sh",
    ]
    assert "batchmgr/workload/application.py" in found
    parts = {name.split("/")[1] for name in found if name.startswith("batchmgr/")}
    assert parts == {"__init__.py", "errors.py", "plan", "workload"}


def test_its_manifest_has_the_id_and_the_version(tmp_path: Path) -> None:
    package = build(write_sample(tmp_path), tmp_path / "out")
    assert read_identity(package.archive) == package.identity
    assert (package.identity.application_id, package.identity.version) == ("letter_count", "1.2.3")


def test_the_same_content_makes_the_same_bytes_whatever_the_times_and_the_umask(tmp_path: Path) -> None:
    first = write_sample(tmp_path / "first")
    package = build(first, tmp_path / "out-1")
    umask = os.umask(0o077)
    try:
        second = shutil.copytree(first, tmp_path / "second", copy_function=shutil.copyfile)
        (second / "letter_count/data/tool.sh").chmod(0o700)
        for file in second.rglob("*"):
            os.utime(file, (2_000_000_000, 2_000_000_000))
        again = build(second, tmp_path / "out-2")
    finally:
        os.umask(umask)
    assert again.archive.read_bytes() == package.archive.read_bytes()
    assert again.sha256 == package.sha256


def test_its_files_have_the_time_it_is_given_and_modes_of_files_or_programs(tmp_path: Path) -> None:
    package = build(
        write_sample(tmp_path), tmp_path / "out", time=datetime(2024, 2, 29, 12, 30, 8, tzinfo=UTC)
    )
    with zipfile.ZipFile(package.archive) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
    assert {entry.date_time for entry in entries.values()} == {(2024, 2, 29, 12, 30, 8)}
    modes = {name: stat.filemode(entry.external_attr >> 16) for name, entry in entries.items()}
    assert modes.pop("letter_count/data/tool.sh") == "-rwxr-xr-x"
    assert set(modes.values()) == {"-rw-r--r--"}


def test_a_time_that_no_zip_file_can_hold_becomes_the_nearest(tmp_path: Path) -> None:
    package = build(write_sample(tmp_path), tmp_path / "out", time=datetime(1970, 1, 1, tzinfo=UTC))
    with zipfile.ZipFile(package.archive) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_dependencies_are_put_in_when_asked_for_without_traces_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_wheel(tmp_path / "wheels", "tinydep", "1.1", tag="py3-none-any")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    project = write_sample(tmp_path, dependencies='"batchmgr>=0.1", "tinydep>=1"')
    assert "tinydep/__init__.py" not in names(build(project, tmp_path / "out"))
    package = build(project, tmp_path / "out", vendor=True)
    vendored = [name for name in names(package) if "tinydep" in name or name.startswith("bin/")]
    assert vendored == [
        "tinydep-1.1.dist-info/METADATA",
        "tinydep-1.1.dist-info/WHEEL",
        "tinydep-1.1.dist-info/entry_points.txt",
        "tinydep/__init__.py",
    ]
    assert build(project, tmp_path / "again", vendor=True).sha256 == package.sha256
    with zipfile.ZipFile(package.archive) as archive:
        assert all(str(tmp_path).encode() not in archive.read(name) for name in archive.namelist())
        assert all(sys.prefix.encode() not in archive.read(name) for name in archive.namelist())


def test_a_dependency_that_is_not_pure_python_is_refused_with_where_it_belongs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_wheel(tmp_path / "wheels", "fastdep", "1.0", tag="cp38-abi3-manylinux2014_x86_64")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    project = write_sample(tmp_path, dependencies='"fastdep"')
    with pytest.raises(PackageError, match=r"fastdep.*pure Python can be vendored"):
        build(project, tmp_path / "out", vendor=True)


def test_a_link_to_a_directory_is_refused(tmp_path: Path) -> None:
    project = write_sample(tmp_path)
    (project / "letter_count" / "link").symlink_to(tmp_path)
    with pytest.raises(PackageError, match="link is a link to a directory"):
        build(project, tmp_path / "out")


def test_an_output_that_is_not_a_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(PackageError, match="out: File exists"):
        build(write_sample(tmp_path), tmp_path / "out")


def test_nothing_but_an_application_package_is_taken_for_one(tmp_path: Path) -> None:
    for content in (b"no zip", b""):
        (tmp_path / "x.zip").write_bytes(content)
        with pytest.raises(PackageError, match="not an application package"):
            read_identity(tmp_path / "x.zip")
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(PackageError, match="make one with: batchmgr package build"):
        read_identity(tmp_path / "x.zip")
    with pytest.raises(PackageError, match=r"none\.zip: No such file"):
        read_identity(tmp_path / "none.zip")
