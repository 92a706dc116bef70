"""One stack for all tests of this folder in a process. Each test has its own job id and callback receiver.

The stack stops after the last of these tests: it polls all the time.

Tests that are marked `smoke` need the HTTP API alone, and can be pointed at a deployment (`deployment.py`).
"""

import itertools
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from batchmgr.devstack.stack import Stack, running_stack
from tests.azurite_here import require_azurite
from tests.integration.client import Api, Client, connected
from tests.integration.deployment import Deployment, chosen_deployment, connected_to
from tests.integration.receiver import Receiver, receiving
from tests.integration.stack_options import stack_options

_numbers = itertools.count(1)


@pytest.fixture(scope="session", autouse=True)
def quick_polls() -> Iterator[None]:
    """Hosts look at quiet queues every 0.4 seconds, instead of the two of host.json."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AzureFunctionsJobHost__extensions__queues__maxPollingInterval", "00:00:00.400")
        yield


@pytest.fixture(scope="session")
def azurite() -> None:
    """Azurite is installed here."""
    require_azurite()


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def running_batchmgr() -> AsyncIterator[Stack | Deployment]:
    """The chosen deployment, or else a shared stack."""
    if deployment := chosen_deployment():
        yield deployment
        return
    require_azurite()
    async with running_stack(stack_options()) as running:
        yield running


@pytest.fixture
def stack(running_batchmgr: Stack | Deployment) -> Stack:
    """A shared stack: no test may stop it or kill a part of it."""
    if isinstance(running_batchmgr, Deployment):
        pytest.skip("BATCHMGR_URL is set, and this test needs the local stack")
    return running_batchmgr


@pytest.fixture
async def client(stack: Stack) -> AsyncIterator[Client]:
    async with connected(stack.endpoints) as connection:
        yield connection


@pytest.fixture
async def api(running_batchmgr: Stack | Deployment) -> AsyncIterator[Api]:
    """The HTTP API alone."""
    if isinstance(running_batchmgr, Deployment):
        async with connected_to(running_batchmgr) as deployed:
            yield deployed
    else:
        async with connected(running_batchmgr.endpoints) as local:
            yield local


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as started:
        yield started


@pytest.fixture
def job_id() -> str:
    """Return an id that no other test uses, and on a deployment no other run."""
    run = f"smoke-{uuid.uuid4().hex[:12]}" if chosen_deployment() else "test"
    return f"{run}-{next(_numbers)}"
