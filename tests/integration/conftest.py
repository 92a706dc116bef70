"""One stack for all tests of a process. Each test has its own job id and callback receiver."""

import itertools
import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from batchmgr.devstack.azurite import find_azurite
from batchmgr.devstack.project_paths import PROJECT
from batchmgr.devstack.stack import Stack, running_stack
from batchmgr.errors import StackError
from tests.integration.client import Client, connected
from tests.integration.receiver import Receiver, receiving
from tests.integration.stack_options import stack_options

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def azurite() -> None:
    """Azurite is installed here."""
    try:
        find_azurite(PROJECT)
    except StackError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(azurite: None) -> AsyncIterator[Stack]:
    """A shared stack: no test may stop it or kill a part of it."""
    async with running_stack(stack_options()) as running:
        yield running


@pytest.fixture
async def client(stack: Stack) -> AsyncIterator[Client]:
    async with connected(stack.endpoints) as connection:
        yield connection


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as started:
        yield started


@pytest.fixture
def job_id() -> str:
    """Return an id that no other test uses."""
    return f"test-{next(_numbers)}"
