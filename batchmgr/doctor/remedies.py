"""What to do: the settings and commands that mend something, for the place where the app is."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

STORAGE = "Microsoft.Storage/storageAccounts"
BATCH = "Microsoft.Batch/batchAccounts"
INSIGHTS = "Microsoft.Insights/components"
TOPIC = "Microsoft.EventGrid/topics"


@dataclass(frozen=True, kw_only=True)
class Remedies:
    """Words for remedies.

    `app_id` is the app's resource id, empty on this machine. `source` is where the settings are from.
    `scopes` are the resource ids that are known, by type and name. `assignee` is the object id of who needs
    roles.
    """

    app_id: str = ""
    source: str = "the environment"
    scopes: Mapping[tuple[str, str], str] = field(default_factory=dict)
    assignee: str = ""

    def set(self, name: str, value: str, why: str = "") -> str:
        """Return how to set a setting. `value` is shown as it is: never a secret."""
        if self.app_id:
            assignment = shlex.quote(f"{name}={value}")
            ids = shlex.quote(self.app_id)
            return (
                f"Set {name}{why}:\n    az functionapp config appsettings set --ids {ids} "
                f"--settings {assignment}"
            )
        return f"Set {name} to {value}{why}, in {self.source}."

    def remove(self, name: str, why: str = "") -> str:
        """Return how to remove a setting."""
        if self.app_id:
            ids = shlex.quote(self.app_id)
            return (
                f"Remove {name}{why}:\n    az functionapp config appsettings delete --ids {ids} "
                f"--setting-names {name}"
            )
        return f"Remove {name}{why}, from {self.source}."

    def restart(self) -> str:
        """Return how to start the app again."""
        return f"    az functionapp restart --ids {shlex.quote(self.app_id)}" if self.app_id else ""

    def give_role(self, role: str, kind: str, account: str) -> str:
        """Return the command that gives a role on an account. `kind` is the type of the account."""
        return (
            f"    az role assignment create --assignee {self.assignee or '<client id of the identity>'} "
            f"--role {shlex.quote(role)} --scope {self.scope(kind, account)}"
        )

    def scope(self, kind: str, account: str) -> str:
        """Return the resource id of an account for a shell; if it is not known, the command that finds it."""
        if known := self.scopes.get((kind, account)):
            return shlex.quote(known)
        query = "--query '[0].id' --output tsv"
        return f'"$(az resource list --resource-type {kind} --name {account} {query})"'
