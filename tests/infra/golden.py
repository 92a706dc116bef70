"""The golden files in infra/snapshots: what each set of parameters makes. They need no compiler."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.infra.bicep import SCENARIOS

Resource = Mapping[str, Any]

SITE = "Microsoft.Web/sites"
ROLE = "Microsoft.Authorization/roleAssignments"
STORAGE = "Microsoft.Storage/storageAccounts"
BATCH = "Microsoft.Batch/batchAccounts"
TOPIC = "Microsoft.EventGrid/topics"


@dataclass(frozen=True)
class Golden:
    """What one set of parameters makes."""

    document: dict[str, Any]

    def every(self, kind: str) -> list[Resource]:
        """Return all resources of a type."""
        return [one for one in self.document["predictedResources"] if one["type"] == kind]

    def one(self, kind: str, name: str = "") -> Resource:
        """Return the only resource of a type, or the one whose name ends so."""
        (found,) = [one for one in self.every(kind) if str(one["name"]).endswith(name)]
        return found

    @property
    def settings(self) -> dict[str, str]:
        """The app settings."""
        return dict(self.one(f"{SITE}/config", "/appsettings")["properties"])

    @property
    def outputs(self) -> dict[str, Any]:
        """What azd keeps of the deployment."""
        return dict(self.document["outputs"])


@cache
def golden(name: str) -> Golden:
    """Return the golden file of a scenario."""
    return Golden(json.loads(SCENARIOS[name].golden.read_text()))
