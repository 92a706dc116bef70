import asyncio
import os
import re
import signal
import sys
from pathlib import Path

import pytest

from batchmgr.devstack.child_processes import ChildProcesses
from batchmgr.errors import StackError
from tests.devstack.liveness import descendants, is_alive, until
from tests.devstack.shell import Shell

PID = re.compile(r"^pid (\d+)$", re.MULTILINE)


async def test_a_line_of_output_is_waited_for(shell: Shell) -> None:
    child = await shell.start("echo starting; echo ready on 4711; sleep 60")
    ready = await child.wait_for_output(re.compile(r"ready on (\d+)"), timeout_s=10)
    assert ready[1] == "4711"


async def test_a_line_is_seen_only_when_it_is_whole(shell: Shell, tmp_path: Path) -> None:
    child = await shell.start("printf 'port 10'; until [ -e go ]; do sleep 0.01; done; echo 100; sleep 60")
    waiting = asyncio.create_task(child.wait_for_output(re.compile(r"port (\d+)"), timeout_s=10))
    await until(lambda: child.log_tail() == "port 10")
    (tmp_path / "go").touch()
    assert (await waiting)[1] == "10100"


async def test_a_child_that_ends_before_it_is_ready_is_reported_with_its_log(shell: Shell) -> None:
    child = await shell.start("echo 'no such table' >&2; exit 3", name="database")
    with pytest.raises(StackError, match=r"database ended with exit code 3.*\nno such table"):
        await child.wait_for_output(re.compile("ready"), timeout_s=10)


async def test_a_child_that_is_never_ready_is_reported(shell: Shell) -> None:
    child = await shell.start("echo thinking >&2; sleep 60", name="thinker")
    with pytest.raises(StackError, match="thinker was not ready within 0 seconds"):
        await child.wait_for_output(re.compile("ready"), timeout_s=0)


async def test_stopping_ends_the_whole_group(shell: Shell) -> None:
    child = await shell.start("sleep 60 & echo pid $!; wait")
    grandchild = int((await child.wait_for_output(PID, timeout_s=10))[1])
    await child.stop()
    await until(lambda: not is_alive(grandchild))


async def test_a_group_member_that_outlives_its_leader_is_killed(shell: Shell) -> None:
    child = await shell.start("(trap '' TERM; echo ready; sleep 60; sleep 60) & echo pid $!; wait")
    grandchild = int((await child.wait_for_output(PID, timeout_s=10))[1])
    await child.wait_for_output(re.compile("ready"), timeout_s=10)
    await child.stop()
    await until(lambda: not is_alive(grandchild))


async def test_a_child_that_ignores_sigterm_is_killed(shell: Shell) -> None:
    child = await shell.start("trap '' TERM; echo ready; while true; do sleep 60; done")
    await child.wait_for_output(re.compile("ready"), timeout_s=10)
    await child.stop(grace_s=0.1)
    assert not child.is_running


async def test_children_are_stopped_in_reverse_order(
    processes: ChildProcesses, shell: Shell, tmp_path: Path
) -> None:
    script = "trap 'echo {0} >> order; exit' TERM; echo ready; while true; do sleep 0.01; done"
    for name in ("storage", "batch", "host"):
        child = await shell.start(script.format(name), name=name)
        await child.wait_for_output(re.compile("ready"), timeout_s=10)
    await processes.stop()
    assert (tmp_path / "order").read_text().split() == ["host", "batch", "storage"]


async def test_a_child_that_ends_by_itself_is_reported_with_its_log(
    processes: ChildProcesses, shell: Shell
) -> None:
    await shell.start("sleep 60", name="steady")
    child = await shell.start("echo out of memory >&2; sleep 60", name="greedy")
    await until(lambda: child.log_tail() == "out of memory")
    processes.raise_if_ended()
    os.kill(child.pid, signal.SIGKILL)
    await child.wait()
    with pytest.raises(StackError, match=r"greedy ended unexpectedly by SIGKILL.*\nout of memory"):
        processes.raise_if_ended()


async def test_a_child_that_was_killed_on_purpose_is_not_a_failure(shell: Shell) -> None:
    child = await shell.start("sleep 60")
    await child.kill()
    child.raise_if_ended()
    assert not child.is_running


async def test_the_log_tail_falls_back_to_standard_output(shell: Shell) -> None:
    child = await shell.start("for i in 1 2 3; do echo line $i; done; echo ready; sleep 60")
    await child.wait_for_output(re.compile("ready"), timeout_s=10)
    assert child.log_tail(2) == "line 3\nready"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of their parent's death")
async def test_children_die_with_a_parent_that_is_killed(shell: Shell) -> None:
    script = (
        "import asyncio, os, pathlib\n"
        "from batchmgr.devstack.child_processes import ChildProcesses\n"
        "async def main():\n"
        "    here = pathlib.Path.cwd()\n"
        "    processes, command = ChildProcesses(here), ['sleep', '60']\n"
        "    child = await processes.start('c', command, environment=os.environ, directory=here)\n"
        "    print('pid', child.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    parent = await shell.start(f'exec {sys.executable} -c "{script}"')
    orphan = int((await parent.wait_for_output(PID, timeout_s=20))[1])
    assert is_alive(orphan)
    await parent.kill()
    await until(lambda: not is_alive(orphan))


LEAVES_ITS_GROUP = "setsid sh -c 'setsid sleep 60 & echo pid $!; wait' & wait"


async def test_a_family_is_killed_with_its_first_process(processes: ChildProcesses, tmp_path: Path) -> None:
    child = await processes.start(
        "host",
        ["sh", "-c", LEAVES_ITS_GROUP],
        environment=os.environ,
        directory=tmp_path,
        with_family=True,
    )
    descendant = int((await child.wait_for_output(PID, timeout_s=10))[1])
    await child.kill()
    assert not is_alive(descendant)


async def test_the_rest_of_a_family_whose_first_process_has_ended_is_killed(
    processes: ChildProcesses, tmp_path: Path
) -> None:
    child = await processes.start(
        "host",
        ["sh", "-c", "setsid sleep 60 & echo pid $!"],
        environment=os.environ,
        directory=tmp_path,
        with_family=True,
    )
    descendant = int((await child.wait_for_output(PID, timeout_s=10))[1])
    await child.wait()
    assert is_alive(descendant)
    await child.stop()
    assert not is_alive(descendant)


@pytest.mark.skipif(sys.platform != "linux", reason="members of a family are found on Linux only")
async def test_a_family_dies_with_a_parent_that_is_killed(shell: Shell, tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import asyncio, os, pathlib\n"
        "from batchmgr.devstack.child_processes import ChildProcesses\n"
        "async def main():\n"
        "    here = pathlib.Path.cwd() / 'logs'\n"
        "    here.mkdir()\n"
        f"    command = ['sh', '-c', {LEAVES_ITS_GROUP!r}]\n"
        "    await ChildProcesses(here).start(\n"
        "        'c', command, environment=os.environ, directory=here, with_family=True\n"
        "    )\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    parent = await shell.start(f"exec {sys.executable} {script}")
    output = tmp_path / "logs" / "c.out"
    await until(lambda: output.exists() and output.read_text().endswith("\n"))
    orphan = int(output.read_text().split()[1])
    assert is_alive(orphan)
    await parent.kill()
    await until(lambda: not is_alive(orphan))


async def test_a_command_that_does_not_exist_leaves_no_guardian(
    processes: ChildProcesses, tmp_path: Path
) -> None:
    before = descendants(os.getpid())
    with pytest.raises(FileNotFoundError):
        await processes.start(
            "host", ["x"], environment=os.environ, directory=tmp_path / "none", with_family=True
        )
    assert descendants(os.getpid()) == before
