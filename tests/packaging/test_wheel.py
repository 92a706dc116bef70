"""Tests what `pip install batchmgr` installs."""

import subprocess
import sys
import zipfile
from pathlib import Path

from batchmgr.packaging.node_part import node_part

ROOT = Path(__file__).parents[2]


def test_the_wheel_is_typed_and_has_the_node_part_the_template_and_no_tests(tmp_path: Path) -> None:
    script = f"from poetry.core.masonry.api import build_wheel; build_wheel({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert "batchmgr/py.typed" in names
    assert node_part().keys() <= names
    assert "batchmgr/packaging/template/my_workload/__main__.py" in names
    assert {name.partition("/")[0].split("-")[0] for name in names} == {
        "batchmgr",
        "fakebatch",
        "functions_host",
    }
