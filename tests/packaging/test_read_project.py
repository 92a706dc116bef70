"""Tests which pyproject.toml files are accepted, and the errors for the others."""

from pathlib import Path

import pytest

from batchmgr.errors import PackageError
from batchmgr.packaging.package_identity import PackageIdentity
from batchmgr.packaging.read_project import read_project
from batchmgr.packaging.semver import check_semver
from tests.packaging.sample import write_sample


def test_a_project_is_read(tmp_path: Path) -> None:
    root = write_sample(tmp_path, dependencies='"batchmgr[app]>=0.1", "batchmgr-extra", "idna"')
    project = read_project(root)
    assert (project.name, project.identity.application_id) == ("Letter-Count", "letter_count")
    assert project.packages == {"letter_count": root / "letter_count"}
    assert project.requirements == ("batchmgr-extra", "idna")
    assert project.lowest_python == "3.8"


def test_poetrys_own_table_is_read_too_with_packages_from_elsewhere(tmp_path: Path) -> None:
    root = write_sample(tmp_path)
    (root / "lib").mkdir()
    (root / "letter_count").rename(root / "lib" / "letters")
    (root / "pyproject.toml").write_text(
        '[tool.poetry]\nname = "letter-count"\nversion = "0.1.0-rc.1"\n'
        'packages = [{include = "letters", from = "lib"}]\n'
        '[tool.poetry.dependencies]\npython = "^3.8"\nbatchmgr = "*"\n'
    )
    project = read_project(root)
    assert project.packages == {"letters": root / "lib" / "letters"}
    assert project.identity.file_name == "letter_count-0.1.0-rc.1.zip"


def test_a_package_in_src_is_found(tmp_path: Path) -> None:
    root = write_sample(tmp_path)
    (root / "src").mkdir()
    (root / "letter_count").rename(root / "src" / "letter_count")
    assert read_project(root).packages == {"letter_count": root / "src" / "letter_count"}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('version = "1.2.3"', 'version = "1.2"', "'1.2' is not SemVer: it needs three numbers"),
        ('version = "1.2.3"', 'dynamic = ["version"]', "there is no version"),
        ('version = "1.2.3"', "version = 1.2", "does not have the form that Python packaging tools expect"),
        ('name = "Letter-Count"', 'name = "-"', "must be a package's name"),
        ('name = "Letter-Count"', 'name = "other"', "there is no directory other or src/other"),
        ('name = "Letter-Count"', f'name = "{"n" * 65}"', "id of an application"),
        ("[project]", "[project", "is not TOML"),
    ],
)
def test_a_wrong_file_is_refused_in_one_sentence(tmp_path: Path, old: str, new: str, told: str) -> None:
    root = write_sample(tmp_path)
    file = root / "pyproject.toml"
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(PackageError, match=f"pyproject.toml.*{told}"):
        read_project(root)


def test_what_a_node_could_not_start_is_refused(tmp_path: Path) -> None:
    root = write_sample(tmp_path)
    (root / "letter_count" / "__main__.py").unlink()
    with pytest.raises(PackageError, match=r"has a __main__\.py"):
        read_project(root)
    (root / "letter_count" / "__init__.py").unlink()
    with pytest.raises(PackageError, match=r"no __init__\.py"):
        read_project(root)


def test_a_directory_without_a_project_is_named(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=r"pyproject\.toml: No such file.*directory of a workload package"):
        read_project(tmp_path)


@pytest.mark.parametrize(
    "version", ["0.0.0", "1.10.0", "1.0.0-rc.1", "2.0.0-0.3.7", "1.0.0-x-y.z", "1.0.0+b.7"]
)
def test_versions_by_semver(version: str) -> None:
    check_semver(version)


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        ("1", "three numbers"),
        ("1.2.3.4", "has 4"),
        ("v1.2.3", "write 1.2.3"),
        ("1.02.3", "'02' begins with a zero"),
        ("1.0.0rc1", "write a pre-release as 1.0.0-rc.1"),
        ("1.0.0.dev3", "write a pre-release as 1.0.0-dev.3"),
        ("1.0.x", "'x' is not a number"),
        ("1.0.0-", "only -PRERELEASE may follow"),
        ("1.0.0-01", "only -PRERELEASE may follow"),
        ("1.0.0-a..b", "only -PRERELEASE may follow"),
        ("١.٠.٠", "is not a number"),
        ("1.0.0\n", "not a number"),
    ],
)
def test_other_versions_are_refused_with_the_reason(version: str, reason: str) -> None:
    with pytest.raises(PackageError, match=reason):
        check_semver(version)


@pytest.mark.parametrize(
    ("application_id", "version", "reason"),
    [
        ("a b", "1.0.0", "letters, digits, dashes and underscores"),
        ("", "1.0.0", "1 to 64"),
        ("a", "1.0.0+build.7", "accepts no '.*remove '.build.7'"),
        ("a", "1.0.0-" + "x" * 59, "at most 64"),
    ],
)
def test_what_azure_batch_does_not_take_is_refused(application_id: str, version: str, reason: str) -> None:
    with pytest.raises(PackageError, match=reason):
        PackageIdentity(application_id=application_id, version=version)
