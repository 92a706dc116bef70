"""The watchdog: nothing that tasks started outlives a killed service."""

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from fakebatch.execution import process_killing
from fakebatch.testing import FakeBatchProcess
from tests.fakebatch.driving import all_dead, is_alive, shell, until
from tests.fakebatch.raw_http import request

# Leaves its process id in a file, which is moved to its name once it is complete, and stays.
_STAY = 'echo $$ > "$1.new"; mv "$1.new" "$1"; exec sleep 600'
_COMMANDS = {
    "plain": "/bin/sh {stay} plain",
    "many": shell("/bin/sh {stay} one & /bin/sh {stay} many & wait"),
    "elsewhere": shell("setsid /bin/sh {stay} elsewhere & wait"),
    "daemon": shell("setsid /bin/sh {stay} daemon & until test -e {there}/daemon; do sleep 0.01; done"),
    "forgetful": "env -i /bin/sh {stay} forgetful",
}
_COORDINATION = shell("/bin/sh {stay} master-$AZ_BATCH_IS_CURRENT_NODE_MASTER & true")
_STAYING = (
    "plain",
    "daemon",
    "one",
    "many",
    "elsewhere",
    "forgetful",
    "master-true",
    "master-false",
    "primary",
)


async def _add(process: FakeBatchProcess, pool_id: str, tasks: list[dict[str, Any]], **pool: Any) -> None:
    job = {"id": pool_id, "poolInfo": {"poolId": pool_id}}
    assert (
        await request(process.endpoint, "POST", "/pools", {"id": pool_id, "vmSize": "s", **pool})
    ).status == 201
    assert (await request(process.endpoint, "POST", "/jobs", job)).status == 201
    path = f"/jobs/{pool_id}/addtaskcollection"
    assert (await request(process.endpoint, "POST", path, {"value": tasks})).status == 200


async def _process_ids(directory: Path) -> list[int]:
    async def all_there() -> bool:
        return all((directory / name).exists() for name in _STAYING)

    await until(all_there)
    return [int((directory / name).read_text()) for name in _STAYING]


@pytest.mark.parametrize("end", ["kill", "stop"])
async def test_no_process_of_a_task_outlives_the_service(tmp_path: Path, end: str) -> None:
    script = tmp_path / "stay.sh"
    script.write_text(f'cd "$(dirname "$0")"; {_STAY}')
    tasks = [
        {"id": name, "commandLine": line.format(stay=script, there=tmp_path)}
        for name, line in _COMMANDS.items()
    ]
    primary = {
        "id": "m",
        "commandLine": f"/bin/sh {script} primary",
        "multiInstanceSettings": {
            "numberOfInstances": 2,
            "coordinationCommandLine": _COORDINATION.format(stay=script),
        },
    }
    with FakeBatchProcess() as process:
        await _add(process, "hpc", tasks, targetDedicatedNodes=1, taskSlotsPerNode=5)
        await _add(process, "mpi", [primary], targetDedicatedNodes=2, enableInterNodeCommunication=True)
        processes = await _process_ids(tmp_path)
        assert all(map(is_alive, processes))
        getattr(process, end)()
        await all_dead(processes)


async def test_a_container_does_not_outlive_a_service_that_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, programs = tmp_path / "calls", tmp_path / "bin"
    programs.mkdir()
    (programs / "docker").write_text(f'#!/bin/sh\necho "$1 $3" >> {calls}\ntest "$1" = run && sleep 600\n')
    (programs / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    task = {"id": "t", "commandLine": "true", "containerSettings": {"imageName": "image"}}

    async def logged(verb: str) -> bool:
        return calls.exists() and verb in [line.split()[0] for line in calls.read_text().splitlines()]

    with FakeBatchProcess() as process:
        await _add(process, "hpc", [task], targetDedicatedNodes=1)
        await until(lambda: logged("run"))
        process.kill()
        await until(lambda: logged("rm"))
    started, removed = calls.read_text().splitlines()
    assert started.split()[-1] == removed.split()[-1]


def _children(process_id: int) -> dict[int, str]:
    """Return the children of a process, each with its command line."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(entry.read_text().rpartition(")")[2].split()[1]) == process_id:
                found[int(entry.parent.name)] = (entry.parent / "cmdline").read_text()
    return found


async def test_what_outlives_the_guard_too_is_killed_at_the_next_start(tmp_path: Path) -> None:
    script = tmp_path / "stay.sh"
    script.write_text(f'cd "$(dirname "$0")"; {_STAY}')
    task = {"id": "t", "commandLine": f"/bin/sh {script} plain"}
    with FakeBatchProcess("--state", str(tmp_path / "state")) as process:
        await _add(process, "hpc", [task], targetDedicatedNodes=1)

        async def runs() -> bool:
            return (tmp_path / "plain").exists()

        await until(runs)
        running = int((tmp_path / "plain").read_text())
        service = process._process
        assert service is not None
        [watchdog] = [
            child for child, line in _children(service.pid).items() if process_killing.__file__ in line
        ]
        os.kill(watchdog, signal.SIGKILL)
        process.kill()
        assert is_alive(running)
        process.start()
        await all_dead([running])
