"""The Azure CLI as a way to bring tasks into Azure Batch, for those who have it on the PATH."""

import os
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from benchmarks.scale.routes import JOB_ID, KEY, Cost, task_body

PATIENCE_S = 600


def cost_of_az(az: str, url: str, tasks: int) -> Cost:
    """Return what `az batch task create` costs for so many tasks, its start included. Memory is not measured.

    `az` is the path of the command, `url` that of the stub.
    """
    with TemporaryDirectory() as folder:
        file = Path(folder) / "tasks.json"
        file.write_bytes(msgspec.json.encode([task_body(number) for number in range(tasks)]))
        command = [az, "batch", "task", "create", "--job-id", JOB_ID, "--json-file", str(file)]
        command += ["--account-name", "account", "--account-key", KEY, "--account-endpoint", url]
        environment = os.environ | {"AZURE_CONFIG_DIR": folder, "AZURE_CORE_COLLECT_TELEMETRY": "false"}
        begun, before = time.perf_counter(), os.times()
        done = subprocess.run(
            command, capture_output=True, check=True, env=environment, timeout=PATIENCE_S, text=True
        )
        wall, after = time.perf_counter() - begun, os.times()
    added = sum(one["status"] == "success" for one in msgspec.json.decode(done.stdout))
    if added != tasks:
        raise RuntimeError(f"az has added {added} of {tasks} tasks: {done.stderr}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Cost(wall=wall, cpu=cpu, idle=0, peak=0)
