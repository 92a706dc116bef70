"""The JSON of requests about the users and the logs of nodes, and the views of node extensions."""

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
# Secret properties are never shown.
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
    """Return the name of the user to add. Secrets are not stored, because nobody can log in to a node."""
    name: str = _USER(body)["name"]
    return name


def check_user_changes(body: Any) -> None:
    """Raise BatchError if the service refuses the changes of a user."""
    _USER_CHANGES(body)


def accept_logs(body: Any) -> dict[str, Any]:
    """Return the container to upload logs to, and the period of the logs."""
    return _LOGS(body)


def extension_views(pool_spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the JSON of the extensions that every node of a pool has."""
    machine = pool_spec.get("virtualMachineConfiguration", {})
    return [_extension_view(extension) for extension in machine.get("extensions", ())]


def _extension_view(extension: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "provisioningState": "Succeeded",
        "vmExtension": {name: extension[name] for name in _SHOWN if name in extension},
    }
