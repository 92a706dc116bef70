"""Every contract test runs on three sets of ports: fakes, the dispatcher's, and the real adapters."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from batchmgr.bootstrap import open_ports, prepare_storage
from batchmgr.ports import Ports
from batchmgr.settings import Settings
from fakebatch.server import Options, serving
from fakebatch.wire.shared_key import ACCOUNT_KEY, ACCOUNT_NAME
from tests.contract.port_sets import DispatcherPorts, FakePorts, PortSet, RealPorts
from tests.world import World


@pytest.fixture(params=["fake", "dispatcher", "real"])
async def port_set(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[PortSet]:
    if request.param == "fake":
        yield FakePorts(World())
        return
    if request.param == "dispatcher":
        yield DispatcherPorts(tmp_path_factory.mktemp("dispatcher"))
        return
    async with AsyncExitStack() as stack:
        pools: tuple[dict[str, object], ...] = (
            {"id": "local", "vmSize": "small", "targetDedicatedNodes": 1, "taskSlotsPerNode": 2},
        )
        root = tmp_path_factory.mktemp("nodes")
        batch = await stack.enter_async_context(serving(Options(root=root, pools=pools)))
        storage: str = request.getfixturevalue("connection_string")
        settings = Settings(
            storage_connection_string=storage,
            batch_endpoint=batch,
            batch_account=ACCOUNT_NAME,
            batch_key=ACCOUNT_KEY,
            default_pool_id="local",
        )
        await prepare_storage(settings)
        yield RealPorts(await stack.enter_async_context(open_ports(settings)), storage)


@pytest.fixture
def ports(port_set: PortSet) -> Ports:
    return port_set.ports
