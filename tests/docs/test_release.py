"""What a release and a smoke test of a deployment are made with fits together."""

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_releases_are_made_of_this_package_by_semver() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    [(path, package)] = json.loads((ROOT / "release-please-config.json").read_text())["packages"].items()
    released = json.loads((ROOT / ".release-please-manifest.json").read_text())
    assert (path, package["package-name"], package["release-type"]) == (".", project["name"], "python")
    assert (ROOT / package["changelog-path"]).is_file()
    numbers = [int(number) for number in released["."].split(".")]
    assert numbers <= [int(number) for number in project["version"].split(".")]


def test_the_smoke_command_reads_the_address_and_the_key_of_what_azd_deployed(tmp_path: Path) -> None:
    answers = {
        "azd": '[ "$*" = "env get-value BATCHMGR_URL" ] && echo https://app || echo /sites/app',
        "az": 'echo "$*" >> "$CALLS"; echo the-key',
        "make": 'echo "make $* $BATCHMGR_URL $BATCHMGR_FUNCTION_KEY" >> "$CALLS"',
    }
    for name, script in answers.items():
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    calls = tmp_path / "calls"
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    variables = os.environ | {"PATH": path, "CALLS": str(calls), "GITHUB_ACTIONS": "true"}
    done = subprocess.run(
        [ROOT / ".ci" / "smoke"], env=variables, capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout) == (0, "::add-mask::the-key\n"), done.stderr
    listed, made = calls.read_text().splitlines()
    assert "--method post --url /sites/app/host/default/listkeys?api-version=" in listed
    assert made == "make smoke https://app the-key"


@pytest.mark.parametrize("name", ["BATCHMGR_URL", "BATCHMGR_FUNCTION_APP_ID"])
def test_the_smoke_command_reads_outputs_of_the_infrastructure(name: str) -> None:
    main = ROOT / "infra" / "main.bicep"
    if not main.is_file():
        pytest.skip("infra/main.bicep is not here")
    assert re.search(rf"^output {name} string", main.read_text(), re.MULTILINE)
