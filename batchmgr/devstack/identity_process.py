"""Runs the stand-in for Microsoft Entra as a child process."""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from batchmgr.devstack.certificate import Certificate
from batchmgr.devstack.child_processes import ChildProcesses
from batchmgr.devstack.local_identities import APP, DEVELOPER, NODES, LocalIdentity

_READY = re.compile(r'^\{"url".*\}$', re.MULTILINE)
_START_TIMEOUT_S = 60


@dataclass(frozen=True, kw_only=True)
class IdentityEndpoints:
    """Where a stack without keys has its identities, and the certificate that its clients trust."""

    url: str
    """The metadata service of the nodes, and `/control`."""
    identity_endpoint: str
    identity_header: str
    trusted: str
    developer_client_id: str = DEVELOPER.client_id
    app_client_id: str = APP.client_id
    node_resource_id: str = NODES.resource_id

    def to_object(self) -> dict[str, str]:
        """Return what `batchmgr start --json` prints of them."""
        return {
            "url": self.url,
            "identityEndpoint": self.identity_endpoint,
            "identityHeader": self.identity_header,
            "trusted": self.trusted,
            "appClientId": self.app_client_id,
            "developerClientId": self.developer_client_id,
            "nodeResourceId": self.node_resource_id,
        }


async def start_identity(
    processes: ChildProcesses,
    *,
    identities: Sequence[LocalIdentity],
    services: Mapping[str, tuple[str, int]],
    certificate: Certificate,
    state: Path,
    environment: Mapping[str, str],
) -> tuple[IdentityEndpoints, dict[str, str]]:
    """Start the stand-in before these services: URL and port of its gateway, by kind. Raises StackError.

    Return where the identities are, and the URLs of the gateways, by kind.
    """
    config = state / "identity.json"
    listed = [
        {"kind": kind, "upstream": upstream, "port": port} for kind, (upstream, port) in services.items()
    ]
    facts = {"identities": [one.to_object() for one in identities], "services": listed}
    config.write_text(json.dumps(facts, indent=2))
    command = [
        *(sys.executable, "-m", "fakeidentity", "--config", str(config)),
        *("--certificate", str(certificate.certificate), "--key", str(certificate.key)),
    ]
    child = await processes.start("identities", command, environment=environment, directory=state)
    ready = json.loads((await child.wait_for_output(_READY, timeout_s=_START_TIMEOUT_S))[0])
    endpoints = IdentityEndpoints(
        url=ready["url"],
        identity_endpoint=ready["identityEndpoint"],
        identity_header=ready["identityHeader"],
        trusted=str(certificate.trusted),
    )
    return endpoints, ready["gateways"]
