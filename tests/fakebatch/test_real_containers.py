"""Tasks in containers, with the docker or podman of this machine.

Skipped where there is neither, or where it cannot run a container of the smallest image: unlike all else that
tests may lack, a container runtime needs rights that not every machine of a CI has. What does not depend on
one is tested with a stand-in in `test_containers.py`.
"""

import io
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.batch import models
from azure.batch.aio import BatchClient

from tests.fakebatch.driving import add_job, add_task, ended, failure_code, shell, text_of

_IMAGE = "localhost/fakebatch-test:1"


def _run(*command: str, content: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, input=content, capture_output=True, timeout=120, check=False)


def _shell_with_libraries() -> bytes:
    """Return an archive of a file system that has no more than a shell of this machine."""
    program = shutil.which("sh") or "/bin/sh"
    libraries = re.findall(r"(/\S+)", _run("ldd", program).stdout.decode())
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(Path(program).resolve(), "bin/sh")
        for library in libraries:
            tar.add(Path(library).resolve(), library.lstrip("/"))
    return archive.getvalue()


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    """The name of an image with a shell."""
    runtime = shutil.which("docker") or shutil.which("podman")
    if runtime is None:
        pytest.skip("neither docker nor podman is on the PATH")
    made = _run(runtime, "import", "-", _IMAGE, content=_shell_with_libraries())
    tried = _run(runtime, "run", "--rm", _IMAGE, "/bin/sh", "-c", "true")
    if made.returncode or tried.returncode:
        pytest.skip(f"{runtime} cannot run a container here: {(made.stderr or tried.stderr).decode()[-300:]}")
    yield _IMAGE
    _run(runtime, "rmi", "--force", _IMAGE)


def _in(image: str, options: str | None = None) -> models.BatchTaskContainerSettings:
    return models.BatchTaskContainerSettings(image_name=image, container_run_options=options)


async def test_a_task_runs_in_a_container(batch: BatchClient, image: str) -> None:
    await add_job(batch)
    settings = [models.EnvironmentSetting(name="GREETING", value="hello there")]
    line = shell(
        "echo $GREETING from $AZ_BATCH_TASK_ID; pwd; echo made > $AZ_BATCH_TASK_WORKING_DIR/made; exit 3"
    )
    await add_task(batch, "t", line, container_settings=_in(image), environment_settings=settings)
    assert (await ended(batch, "t")).exit_code == 3
    assert (await text_of(batch, "t")).startswith("hello there from t\n/")
    assert await text_of(batch, "t", "wd/made") == "made\n"


async def test_a_program_that_is_not_in_the_image_fails_the_task(batch: BatchClient, image: str) -> None:
    await add_job(batch)
    await add_task(batch, "t", "/bin/ls", container_settings=_in(image))
    assert await failure_code(batch, "t") == "FailureExitCode"


async def test_the_output_of_a_container_is_the_task_s(batch: BatchClient, image: str) -> None:
    await add_job(batch)
    line = shell("echo out $A; echo err >&2")
    await add_task(batch, "t", line, container_settings=_in(image, "--env A=b"))
    assert (await ended(batch, "t")).exit_code == 0
    assert await text_of(batch, "t") == "out b\n"
    assert await text_of(batch, "t", "stderr.txt") == "err\n"
