"""A client of the stack of a module, and the roles of its app, which tests take away."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from batchmgr.devstack.stack import Stack
from tests.identity.roles import Roles
from tests.integration.client import Client, connected
from tests.integration.conftest import azurite, job_id, quick_polls, receiver

__all__ = ["azurite", "job_id", "quick_polls", "receiver"]


@pytest.fixture
async def client(stack: Stack) -> AsyncIterator[Client]:
    async with connected(stack.endpoints) as connection:
        yield connection


@pytest.fixture
async def roles(stack: Stack) -> AsyncIterator[Roles]:
    """What tests change of the app's identity. After the test, everything is as before."""
    assert stack.endpoints.identity is not None
    async with aiohttp.ClientSession() as http:
        changed = Roles(stack.endpoints.identity, http)
        before = await changed.now()
        yield changed
        await changed.assign(before)
        await changed.withhold_tokens()
