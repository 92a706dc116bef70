"""Where the parts of a running stack are."""

import json
from dataclasses import dataclass

from batchmgr.devstack.identity_process import IdentityEndpoints


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """The URLs of a running stack's parts, and the credentials that they accept: keys, or `identity`."""

    functions: str
    batch: str
    blob: str
    queue: str
    connection_string: str = ""
    batch_account: str = ""
    batch_key: str = ""
    identity: IdentityEndpoints | None = None
    settings_file: str = ""
    """The app's settings, for `batchmgr doctor --settings`."""

    def to_json(self) -> str:
        """Return the line of JSON that `batchmgr start --json` prints."""
        return json.dumps(
            {
                "functions": self.functions,
                "batch": self.batch,
                "blob": self.blob,
                "queue": self.queue,
                "connectionString": self.connection_string,
                "batchAccount": self.batch_account,
                "batchKey": self.batch_key,
                "settings": self.settings_file,
            }
            | ({"identity": self.identity.to_object()} if self.identity else {})
        )
