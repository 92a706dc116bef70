"""Reads a pool of the Batch account that the environment names, with the same settings as for the app."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import msgspec

from batchmgr.doctor.batch_calls import BatchCalls
from batchmgr.doctor.read_settings import read_settings
from batchmgr.errors import ServiceNotFoundError, SettingsError, SimulationError
from batchmgr.settings import Settings
from batchmgr.simulation.pool_variant import PoolVariant

_DEFAULT_INTERVAL = "PT15M"


async def read_pool(pool_id: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the JSON of a pool. Raise SimulationError, or SettingsError or ServiceError of the account."""
    settings = Settings.from_environment(read_settings(environment, None).environment)
    if not settings.batch_endpoint:
        raise SettingsError(
            "BATCHMGR_BATCH_ENDPOINT is not set: --pool reads a pool of the account of the app's settings"
        )
    # Only here, since the clients of Azure take a while to import.
    from batchmgr.bootstrap import open_batch_client
    from batchmgr.telemetry_port import NoTelemetry

    async with AsyncExitStack() as stack:
        calls = BatchCalls(await open_batch_client(settings, stack, NoTelemetry()))
        try:
            return await calls.pool(pool_id)
        except ServiceNotFoundError as error:
            known = ", ".join(await calls.pool_ids()) or "none"
            raise SimulationError(
                f"there is no pool {pool_id!r} in the Batch account; there are: {known}"
            ) from error


def variant_of_pool(pool: Mapping[str, Any], *, eviction_rate: float, most_nodes: int | None) -> PoolVariant:
    """Return the variant of a pool in the JSON of Azure Batch. Nodes of a fixed size are there and ready."""
    name, slots = str(pool["id"]), int(pool.get("taskSlotsPerNode", 1))
    if pool.get("enableAutoScale"):
        interval = msgspec.convert(pool.get("autoScaleEvaluationInterval", _DEFAULT_INTERVAL), timedelta)
        return PoolVariant(
            name=name,
            slots=slots,
            formula=pool["autoScaleFormula"],
            interval_s=interval.total_seconds(),
            eviction_rate=eviction_rate,
            most_nodes=most_nodes,
        )
    dedicated, spot = (int(pool.get(f"target{kind}Nodes", 0)) for kind in ("Dedicated", "LowPriority"))
    if not dedicated + spot:
        raise SimulationError(f"the pool {name!r} has no nodes and no formula: nothing would run on it")
    return PoolVariant(
        name=name,
        dedicated=dedicated,
        spot=spot,
        slots=slots,
        eviction_rate=eviction_rate if spot else 0.0,
        ready=[0.0] * (dedicated + spot),
    )
