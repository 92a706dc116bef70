"""Starts storage, Azure Batch and identities so that no part of the app has a key, as in Azure.

Everything is served over https, because services take tokens only there. Gateways stand before Azurite and
the fake Batch: they refuse keys, and what the roles of the caller don't allow.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from batchmgr.devstack.app_settings import settings_without_keys
from batchmgr.devstack.azurite import start_azurite
from batchmgr.devstack.certificate import make_certificate
from batchmgr.devstack.child_processes import ChildProcesses
from batchmgr.devstack.fake_batch_process import start_fake_batch
from batchmgr.devstack.identity_process import IdentityEndpoints, start_identity
from batchmgr.devstack.local_identities import APP, NODES, PLATFORM, local_identities
from batchmgr.devstack.prepare_storage import prepare_in_a_process
from batchmgr.devstack.project_paths import PROJECT
from batchmgr.devstack.tcp_ports import LOOPBACK, free_port

_NODE_METADATA = "AZURE_POD_IDENTITY_AUTHORITY_HOST"
_CLIENT_ID = "AzureWebJobsStorage__clientId"
_KEYS = ("AzureWebJobsStorage", "BATCHMGR_BATCH_", "BATCHMGR_NODE_IDENTITY", "AZURE_", "IDENTITY_", "MSI_")
"""How the variables begin that would give the app other access than that of its identity."""


@dataclass(frozen=True, kw_only=True)
class KeylessServices:
    """Running services without keys."""

    urls: Mapping[str, str]
    """By kind: blob and queue, with the account, and batch."""
    identity: IdentityEndpoints
    environment: Mapping[str, str]
    """Of the Functions host, its app settings included."""
    settings: Mapping[str, str]
    """What of it is the app's: its settings, and how it gets tokens and whom it trusts."""

    @property
    def platform_environment(self) -> dict[str, str]:
        """The environment of Event Grid's stand-in, which has an identity of its own."""
        return {**self.environment, _CLIENT_ID: PLATFORM.client_id}


async def start_keyless_services(
    processes: ChildProcesses,
    *,
    directories: Callable[[str], Path],
    environment: Mapping[str, str],
    node_path: str,
    ports: Mapping[str, int],
    applications: Sequence[str],
    active_jobs: int,
    fake_batch: Sequence[str] = (),
    keeps_state: bool,
    nodes_have_identity: bool,
    blob_source: str,
    poll_schedule: str,
) -> KeylessServices:
    """Start the services, and create the app's queues and containers. Raises StackError.

    `directories` returns the directory of a part. `node_path` is the PATH of the nodes. `ports` are those of
    the gateways, by kind.
    """
    clean = {name: text for name, text in environment.items() if not name.startswith(_KEYS)}
    state = directories("identity")
    certificate = make_certificate(state)
    clean["SSL_CERT_FILE"] = str(certificate.trusted)
    azurite = await start_azurite(
        processes, project=PROJECT, data=directories("azurite"), environment=clean, certificate=certificate
    )
    batch_port = free_port()  # the nodes need the identities, and these need the address of the fake Batch
    origin, _, account = azurite.blob.rpartition("/")
    services = {
        "blob": (origin, ports["blob"]),
        "queue": (azurite.queue.rpartition("/")[0], ports["queue"]),
        "batch": (f"https://{LOOPBACK}:{batch_port}", ports["batch"]),
    }
    identity, urls = await start_identity(
        processes,
        identities=local_identities(nodes_use_identity=nodes_have_identity),
        services=services,
        certificate=certificate,
        state=state,
        environment=clean,
    )
    urls = {
        "blob": f"{urls['blob']}/{account}",
        "queue": f"{urls['queue']}/{account}",
        "batch": urls["batch"],
    }
    await start_fake_batch(
        processes,
        root=directories("batch"),
        environment={**clean, "PATH": node_path, _NODE_METADATA: identity.url},
        port=batch_port,
        applications=applications,
        active_jobs=active_jobs,
        keeps_state=keeps_state,
        certificate=certificate,
        arguments=fake_batch,
    )
    settings = settings_without_keys(
        services=urls,
        client_id=APP.client_id,
        node_identity=NODES.resource_id if nodes_have_identity else "",
        blob_source=blob_source,
        poll_schedule=poll_schedule,
    )
    given_by_azure = {
        "IDENTITY_ENDPOINT": identity.identity_endpoint,
        "IDENTITY_HEADER": identity.identity_header,
    }
    settings |= {**given_by_azure, "SSL_CERT_FILE": clean["SSL_CERT_FILE"]}
    host = {**clean, **settings}
    await prepare_in_a_process(processes, environment=host, directory=state)
    return KeylessServices(urls=urls, identity=identity, environment=host, settings=settings)
