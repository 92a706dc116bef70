"""The Bicep compiler, where it is at hand: builds and lints infra/, and takes snapshots of what it makes.

.venv/bin/python -m tests.infra.bicep check        build and lint; any warning is an error
.venv/bin/python -m tests.infra.bicep snapshots    write the golden files anew
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"
NOWHERE = "the Bicep compiler is not here: run az bicep install, set BICEP to it, or put it on the PATH"
SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
THEIRS = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/shared/providers"
TENANT = "00000000-0000-0000-0000-000000000001"


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One set of parameters, and the golden file of what it makes."""

    parameters: Path = INFRA / "main.bicepparam"
    golden: Path
    environment: dict[str, str] = field(default_factory=dict)


SCENARIOS = {
    **{
        stage: Scenario(
            golden=INFRA / "snapshots" / f"{stage}.json",
            environment={"AZURE_ENV_NAME": stage, "BATCHMGR_STAGE": stage},
        )
        for stage in ("dev", "test", "prod")
    },
    # A team that has its data and a topic already.
    "shared": Scenario(
        golden=INFRA / "snapshots" / "shared.json",
        environment={
            "AZURE_ENV_NAME": "shared",
            "BATCHMGR_EXISTING_DATA_ACCOUNT": f"{THEIRS}/Microsoft.Storage/storageAccounts/theirdata",
            "BATCHMGR_EXISTING_EVENT_TOPIC": f"{THEIRS}/Microsoft.EventGrid/topics/their-events",
        },
    ),
    # What no stage uses: resources that are there already, and every kind of pool.
    "everything": Scenario(
        parameters=INFRA / "everything.bicepparam", golden=INFRA / "snapshots" / "everything.json"
    ),
}


def find_compiler() -> Path | None:
    """Return the compiler: of BICEP, of the az CLI, on the PATH, or in `shared/tools` beside the project."""
    if named := os.environ.get("BICEP"):
        return Path(named)
    of_az = Path(os.environ.get("AZURE_CONFIG_DIR") or "~/.azure").expanduser() / "bin" / "bicep"
    if of_az.is_file():
        return of_az
    if installed := shutil.which("bicep"):
        return Path(installed)
    beside = ROOT.parent / "shared" / "tools" / "bicep"
    return beside if beside.exists() else None


def is_required() -> bool:
    """Return whether it is an error that there is no compiler: in a pipeline that has installed one."""
    return bool(os.environ.get("BICEP_REQUIRED"))


def run(compiler: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the compiler. It unpacks itself into a folder that it can write to."""
    home = os.environ.get("HOME", "/nonexistent")
    unpacked = {} if os.access(home, os.W_OK) else {"DOTNET_BUNDLE_EXTRACT_BASE_DIR": "/tmp/bicep"}
    variables = os.environ | {"DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"} | unpacked | environment
    # An environment of the developer must not show in the snapshots.
    variables = {
        name: value
        for name, value in variables.items()
        if name in environment or not name.startswith(("AZURE_", "BATCHMGR_"))
    }
    return subprocess.run(
        [str(compiler), *arguments], env=variables, capture_output=True, text=True, check=False
    )


def problems(compiler: Path) -> list[str]:
    """Build and lint main.bicep, with all its modules, and its parameters. Return errors and warnings."""
    names = {"AZURE_ENV_NAME": "check", "AZURE_LOCATION": "westeurope"}
    runs = [
        run(compiler, "build", str(INFRA / "main.bicep"), "--stdout"),
        run(compiler, "lint", str(INFRA / "main.bicep")),
        run(compiler, "lint", str(INFRA / "main.bicepparam"), **names),
    ]
    return sorted({line for one in runs for line in one.stderr.splitlines() if line.strip()})


def snapshot(compiler: Path, scenario: Scenario) -> dict[str, Any]:
    """Return what a scenario makes, evaluated. Raise AssertionError with what the compiler says."""
    with TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(INFRA, Path(folder) / "infra"))
        parameters = copy / scenario.parameters.name
        options = ["--mode", "overwrite", "--subscription-id", SUBSCRIPTION, "--tenant-id", TENANT]
        environment = {"AZURE_LOCATION": "westeurope", **scenario.environment}
        ran = run(compiler, "snapshot", str(parameters), *options, "--location", "westeurope", **environment)
        assert ran.returncode == 0, ran.stderr
        written: dict[str, Any] = json.loads(parameters.with_suffix(".snapshot.json").read_text())
    written["outputs"] = dict(sorted(written["outputs"].items()))  # in another order each time
    return written


def main() -> int:
    """Check, or write the snapshots. Return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=["check", "snapshots"])
    what = parser.parse_args().what
    compiler = find_compiler()
    if compiler is None:
        print(f"infra/ is not checked: {NOWHERE}.", file=sys.stderr)
        return 1 if what == "snapshots" or is_required() else 0
    if what == "snapshots":
        for scenario in SCENARIOS.values():
            scenario.golden.write_text(json.dumps(snapshot(compiler, scenario), indent=2) + "\n")
            print(f"written: {scenario.golden.relative_to(ROOT)}")
        return 0
    found = problems(compiler)
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
