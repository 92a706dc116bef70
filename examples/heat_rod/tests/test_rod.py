"""The rod is exact on any number of ranks, and a lost rank makes the task retryable."""

import json
import math
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from batchmgr import Application, InvalidJobError, JobContext, RetryableTaskError, TaskContext
from heat_rod import HeatRodWorkload
from heat_rod.rod import exact, initial, share, step
from heat_rod.tasks import CoolRodTask, RodInputs

CELLS, STEPS = 40, 120


def hosts_of(count: int) -> list[str]:
    """Addresses of this machine, as the nodes of a pool have them."""
    return [f"127.77.0.{number}" for number in range(1, count + 1)]


def free_port() -> int:
    with socket.create_server(("", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@contextmanager
def ranks(hosts: list[str], port: int) -> Iterator[list["subprocess.Popen[bytes]"]]:
    """What the coordination command starts on each node."""
    command = [sys.executable, "-m", "heat_rod.rank", str(port)]
    environment = os.environ | {"AZ_BATCH_HOST_LIST": ",".join(hosts)}
    with ExitStack() as running:
        processes = []
        for _ in hosts:
            process = running.enter_context(subprocess.Popen(command, env=environment))
            running.callback(process.kill)
            processes.append(process)
        yield processes


def task(directory: Path, hosts: list[str], port: int = 0) -> CoolRodTask:
    environment = {"AZ_BATCH_HOST_LIST": ",".join(hosts)} if hosts else {}
    context = TaskContext(job_id="j", task_id="1", working_directory=directory, environment=environment)
    return CoolRodTask(RodInputs(cells=CELLS, steps=STEPS, port=port), context)


def alone() -> list[float]:
    cells = initial(CELLS)
    for _ in range(STEPS):
        cells = step(cells, 0.0, 0.0)
    return cells


def temperatures(directory: Path) -> list[float]:
    _, *rows = (directory / "rod.tsv").read_text().splitlines()
    return [float(row.split("\t")[1]) for row in rows]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_ranks_agree_with_one_process_to_the_last_digit(tmp_path: Path, size: int) -> None:
    hosts, port = hosts_of(size), free_port()
    with ranks(hosts, port) as processes:
        cooling = task(tmp_path, hosts, port)
        cooling.run()
        assert [process.wait(timeout=30) for process in processes] == [0] * size
    assert temperatures(tmp_path) == alone()
    result = cooling.context.reporter.result
    assert result is not None
    assert result["nodes"] == size
    assert result["largestError"] < 1e-12
    assert cooling.context.reporter.fraction == 1


def test_the_rod_cools_as_the_equation_says() -> None:
    assert alone() == pytest.approx(exact(CELLS, STEPS), abs=1e-12)
    # A rod of length 1: a step in time is a quarter of the square of the cells' distance.
    time = STEPS * 0.25 / (CELLS + 1) ** 2
    assert max(alone()) == pytest.approx(math.exp(-(math.pi**2) * time), rel=1e-3)


@pytest.mark.parametrize("size", [1, 3, 7, CELLS])
def test_every_cell_belongs_to_one_rank(size: int) -> None:
    cells = initial(CELLS)
    shares = [share(cells, rank, size) for rank in range(size)]
    assert [cell for part in shares for cell in part] == cells
    assert all(shares)


def test_a_lost_node_is_worth_another_try(tmp_path: Path) -> None:
    port = free_port()
    with socket.create_server(("127.77.0.1", port)) as server:
        dying = Thread(target=lambda: server.accept()[0].close())
        dying.start()
        with pytest.raises(RetryableTaskError, match=r"a node of 127\.77\.0\.1 was lost"):
            task(tmp_path, ["127.77.0.1"], port).run()
        dying.join(timeout=30)


def test_a_job_runs_here_without_other_nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["local", "--job-id", "j", "--inputs", json.dumps({"cells": CELLS, "steps": STEPS})]
    with pytest.raises(SystemExit) as end:
        Application(HeatRodWorkload()).run(arguments)
    assert end.value.code == 0
    assert temperatures(tmp_path / "batchmgr-local" / "j" / "storage" / "job-j") == alone()


def test_the_task_asks_for_its_nodes() -> None:
    (planned,) = HeatRodWorkload().plan(JobContext(job_id="j", inputs={"nodes": 5, "port": 6001})).tasks
    settings = planned.multi_instance_settings
    assert settings is not None
    assert settings.number_of_instances == 5
    assert settings.coordination_command_line == "/bin/sh -c 'python3 -m heat_rod.rank 6001 &'"


@pytest.mark.parametrize(
    ("inputs", "field"),
    [
        ({"node": 3}, "inputs.node"),
        ({"nodes": 0}, "inputs.nodes"),
        ({"nodes": 3, "cells": 2}, "inputs.nodes"),
        ({"cells": "300"}, "inputs.cells"),
        ({"steps": True}, "inputs.steps"),
        ({"port": 70_000}, "inputs.port"),
    ],
)
def test_a_wrong_input_is_refused_with_its_name(inputs: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidJobError) as caught:
        HeatRodWorkload().plan(JobContext(job_id="j", inputs=inputs))
    assert caught.value.field == field
