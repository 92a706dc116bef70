"""Bodies of requests about the users and the logs of nodes, and views of their extensions."""

from collections.abc import Mapping
from typing import Any, Final

from fakebatch.bodies.property_schema import ObjectSchema, moment, required, string
from fakebatch.bodies.shared_properties import FLAG, IDENTITY

_USER = ObjectSchema(
    name=required(string), isAdmin=FLAG, expiryTime=moment, password=string, sshPublicKey=string
)
_USER_CHANGES = ObjectSchema(expiryTime=moment, password=string, sshPublicKey=string)
_LOGS = ObjectSchema(
    containerUrl=required(string), startTime=required(moment), endTime=moment, identityReference=IDENTITY
)
# What is secret is never shown.
_SHOWN: Final = (
    "name",
    "publisher",
    "type",
    "typeHandlerVersion",
    "autoUpgradeMinorVersion",
    "enableAutomaticUpgrade",
    "settings",
    "provisionAfterExtensions",
)


def accept_user(body: Any) -> str:
    """Return the name of the user to be added. Secrets are not kept, as there is nothing to log in to."""
    name: str = _USER(body)["name"]
    return name


def check_user_changes(body: Any) -> None:
    """Raise BatchError for changes of a user that the service refuses."""
    _USER_CHANGES(body)


def accept_logs(body: Any) -> dict[str, Any]:
    """Return where logs are to be uploaded to, and of what time."""
    return _LOGS(body)


def extension_views(pool_spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the extensions of each node of a pool as they appear in answers."""
    machine = pool_spec.get("virtualMachineConfiguration", {})
    return [_extension_view(extension) for extension in machine.get("extensions", ())]


def _extension_view(extension: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "provisioningState": "Succeeded",
        "vmExtension": {name: extension[name] for name in _SHOWN if name in extension},
    }
