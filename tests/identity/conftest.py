"""One stack without keys for all tests of this folder, and its identities, whose roles tests take away."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from batchmgr.devstack.local_identities import APP
from batchmgr.devstack.stack import Stack, running_stack
from tests.identity.roles import Roles, changeable_roles
from tests.integration.client import Client, connected
from tests.integration.conftest import azurite, job_id, quick_polls, receiver
from tests.integration.stack_options import stack_options

__all__ = ["azurite", "job_id", "quick_polls", "receiver"]


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def stack(azurite: None) -> AsyncIterator[Stack]:
    """A stack in which nodes get signatures, unless STACK_IDENTITY says otherwise."""
    options = stack_options(patient=True)
    options = options if options.identity else stack_options(patient=True, identity="signatures")
    async with running_stack(options) as running:
        yield running


@pytest.fixture
async def client(stack: Stack) -> AsyncIterator[Client]:
    async with connected(stack.endpoints) as connection:
        yield connection


@pytest.fixture
async def roles(stack: Stack) -> AsyncIterator[Roles]:
    """What tests change of the app's identity. After the test, everything is as before."""
    assert stack.endpoints.identity is not None
    async with changeable_roles(stack.endpoints.identity, APP.client_id) as changed:
        yield changed
