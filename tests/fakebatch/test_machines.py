"""The virtual machine properties of pools: they are stored and shown as given, and refused if unknown."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from fakebatch.bodies.pool_bodies import accept_pool
from fakebatch.bodies.property_schema import IGNORE_UNKNOWN_PROPERTIES
from fakebatch.errors import BatchError

_IDENTITY = {"resourceId": "/identities/i"}
_MANAGED = {
    "diskEncryptionSet": {"id": "/sets/s"},
    "storageAccountType": "premium_lrs",
    "securityProfile": {"securityEncryptionType": "NonPersistedTPM"},
}
_ENDPOINT = {"inVMAccessControlProfileReferenceId": "/profiles/p", "mode": "Audit"}
_MACHINE = {
    "imageReference": {"publisher": "p", "offer": "o", "sku": "s", "version": "latest"},
    "nodeAgentSKUId": "batch.node.ubuntu 22.04",
    "windowsConfiguration": {"enableAutomaticUpdates": False},
    "dataDisks": [{"lun": 0, "caching": "none", "diskSizeGB": 10, "managedDisk": _MANAGED}],
    "containerConfiguration": {
        "type": "dockerCompatible",
        "containerRegistries": [{"username": "u", "registryServer": "r", "identityReference": _IDENTITY}],
    },
    "diskEncryptionConfiguration": {
        "customerManagedKey": {
            "identityReference": _IDENTITY,
            "keyUrl": "https://vault/key",
            "rotationToLatestKeyVersionEnabled": True,
        },
        "targets": ["osdisk"],
    },
    "nodePlacementConfiguration": {"policy": "zonal"},
    "extensions": [{"name": "e", "publisher": "p", "type": "t", "settings": {"a": "b"}}],
    "osDisk": {
        "ephemeralOSDiskSettings": {"placement": "cachedisk"},
        "caching": "readonly",
        "diskSizeGB": 30,
        "managedDisk": _MANAGED,
        "writeAcceleratorEnabled": False,
    },
    "securityProfile": {
        "encryptionAtHost": True,
        "proxyAgentSettings": {"enabled": True, "imds": _ENDPOINT, "wireServer": _ENDPOINT},
        "securityType": "trustedLaunch",
        "uefiSettings": {"secureBootEnabled": True, "vTpmEnabled": True},
    },
    "serviceArtifactReference": {"id": "/artifacts/a"},
}
_POOL: dict[str, Any] = {
    "id": "p",
    "vmSize": "small",
    "virtualMachineConfiguration": _MACHINE,
    "networkConfiguration": {
        "dynamicVNetAssignmentScope": "none",
        "publicIPAddressConfiguration": {
            "provision": "usermanaged",
            "ipFamilies": ["IPv4"],
            "ipAddressIds": ["/addresses/a"],
            "ipTags": [{"ipTagType": "t", "tag": "v"}],
        },
    },
    "userAccounts": [
        {"name": "u", "elevationLevel": "admin", "linuxUserConfiguration": {"uid": 1000, "gid": 1000}}
    ],
    "mountConfiguration": [
        {
            "azureBlobFileSystemConfiguration": {
                "accountName": "a",
                "containerName": "c",
                "relativeMountPath": "m",
                "identityReference": _IDENTITY,
            }
        },
        {"nfsMountConfiguration": {"source": "s", "relativeMountPath": "m"}},
    ],
    "upgradePolicy": {
        "mode": "rolling",
        "automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True},
        "rollingUpgradePolicy": {"maxBatchInstancePercent": 20, "pauseTimeBetweenBatches": "PT30S"},
    },
}
_PARTS = (
    "virtualMachineConfiguration",
    "networkConfiguration",
    "userAccounts",
    "mountConfiguration",
    "upgradePolicy",
)
_FREE = ("settings",)
"""Objects that can have any property, because the VM extension defines them."""


def _objects(value: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield all objects in a value, each with its path."""
    if isinstance(value, dict):
        yield path, value
        for name, part in value.items():
            if name not in _FREE:
                yield from _objects(part, f"{path}/{name}")
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _objects(part, f"{path}/{index}")


_PLACES = [place for name in _PARTS for place, _ in _objects(_POOL[name], name)]


def _body() -> dict[str, Any]:
    body = copy.deepcopy(_POOL)
    body["userAccounts"][0]["password"] = "s3cret"
    return body


def test_machines_are_stored_as_given() -> None:
    spec = accept_pool(_body())
    assert {name: spec[name] for name in _PARTS} == {name: _POOL[name] for name in _PARTS}


@pytest.mark.parametrize("place", _PLACES)
def test_what_does_not_exist_is_refused_wherever_it_is_or_left_out(place: str) -> None:
    body = _body()
    [found] = [part for name in _PARTS for at, part in _objects(body[name], name) if at == place]
    found["surprise"] = 1
    with pytest.raises(BatchError, match="surprise"):
        accept_pool(body)
    token = IGNORE_UNKNOWN_PROPERTIES.set(True)
    try:
        assert accept_pool(body) == accept_pool(_body())
    finally:
        IGNORE_UNKNOWN_PROPERTIES.reset(token)


def test_secrets_of_machines_are_not_kept() -> None:
    body = _body()
    body["mountConfiguration"] = [
        {
            "azureFileShareConfiguration": {
                "accountName": "a",
                "azureFileUrl": "https://share",
                "accountKey": "s3cret",
                "relativeMountPath": "m",
            }
        }
    ]
    machine = body["virtualMachineConfiguration"]
    machine["extensions"][0]["protectedSettings"] = {"key": "s3cret"}
    machine["containerConfiguration"]["containerRegistries"][0]["password"] = "s3cret"
    assert "s3cret" not in str(accept_pool(body))
