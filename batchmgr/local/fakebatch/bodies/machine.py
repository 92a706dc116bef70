"""Bodies of what pools say about their machines: image, disks, network and accounts."""

from typing import Any, Final

from batchmgr.local.fakebatch.bodies.schema import (
    Kind,
    Record,
    boolean,
    choice,
    integer,
    list_of,
    opaque,
    optional,
    required,
    string,
)

_IMAGE = Record(
    publisher=string,
    offer=string,
    sku=string,
    version=string,
    virtualMachineImageId=string,
    exactVersion=string,
    sharedGalleryImageId=string,
    communityGalleryImageId=string,
)


def _image_reference(value: Any, name: str) -> dict[str, Any]:
    stored = _IMAGE(value, name)
    # Only an image of the marketplace has versions to choose from.
    return stored if "publisher" not in stored or "version" in stored else {**stored, "version": "latest"}


def _without(*secrets: str) -> Kind:
    """Return the kind of any object, of which some properties are secret: never shown, so not kept."""

    def kind(value: Any, name: str) -> dict[str, Any]:
        return {key: shown for key, shown in opaque(value, name).items() if key not in secrets}

    return kind


_DATA_DISK = Record(
    lun=required(integer(0, 63)),
    caching=optional(choice("none", "readonly", "readwrite"), "none"),
    diskSizeGB=required(integer(1)),
    storageAccountType=string,
    managedDisk=opaque,
)


def _data_disk(value: Any, name: str) -> dict[str, Any]:
    stored = _DATA_DISK(value, name)
    if "managedDisk" in stored or "storageAccountType" in stored:
        return stored
    return {**stored, "storageAccountType": "standard_lrs"}


MACHINE: Final = Record(
    imageReference=required(_image_reference),
    nodeAgentSKUId=required(string),
    windowsConfiguration=opaque,
    dataDisks=list_of(_data_disk),
    licenseType=string,
    containerConfiguration=Record(
        type=required(string),
        containerImageNames=list_of(string),
        containerRegistries=list_of(_without("password")),
    ),
    diskEncryptionConfiguration=opaque,
    nodePlacementConfiguration=opaque,
    extensions=list_of(opaque),
    osDisk=opaque,
    securityProfile=opaque,
    serviceArtifactReference=opaque,
)
"""The kind of `virtualMachineConfiguration`."""

CLOUD_SERVICE: Final = Record(osFamily=required(string), osVersion=optional(string, "*"))
"""The kind of `cloudServiceConfiguration`, which only old versions of the protocol have."""

_NAT_POOL = Record(
    name=required(string),
    protocol=required(choice("tcp", "udp")),
    backendPort=required(integer(1, 65535)),
    frontendPortRangeStart=required(integer(1, 65534)),
    frontendPortRangeEnd=required(integer(1, 65534)),
    networkSecurityGroupRules=list_of(
        Record(
            priority=required(integer(150, 4096)),
            access=required(choice("allow", "deny")),
            sourceAddressPrefix=required(string),
            sourcePortRanges=optional(list_of(string), ["*"]),
        )
    ),
)
NETWORK: Final = Record(
    subnetId=string,
    dynamicVNetAssignmentScope=optional(choice("none", "job"), "none"),
    endpointConfiguration=Record(inboundNATPools=required(list_of(_NAT_POOL))),
    publicIPAddressConfiguration=opaque,
    enableAcceleratedNetworking=boolean,
)
"""The kind of a pool's `networkConfiguration`."""

_ACCOUNT = Record(
    name=required(string),
    password=required(string),
    elevationLevel=optional(choice("nonadmin", "admin"), "nonadmin"),
    linuxUserConfiguration=_without("sshPrivateKey"),
    windowsUserConfiguration=Record(loginMode=choice("batch", "interactive")),
)


def user_account(value: Any, name: str) -> dict[str, Any]:
    """Accept a user of the nodes of a pool. The password is never shown, so it is not kept."""
    return {key: kept for key, kept in _ACCOUNT(value, name).items() if key != "password"}
