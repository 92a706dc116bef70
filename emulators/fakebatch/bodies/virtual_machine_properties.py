"""The properties of pools that describe their machines: image, disks, network, mounts and user accounts."""

from typing import Any, Final

from fakebatch.bodies.property_schema import (
    ObjectSchema,
    boolean,
    choice,
    duration,
    integer,
    list_of,
    opaque,
    optional,
    required,
    string,
)
from fakebatch.bodies.shared_properties import IDENTITY, REGISTRY, without_secrets

_IMAGE = ObjectSchema(
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
    # Only Marketplace images have versions to choose from, so only they get a default version.
    return stored if "publisher" not in stored or "version" in stored else {**stored, "version": "latest"}


_CACHING = choice("none", "readonly", "readwrite")
_STORAGE = choice("standard_lrs", "premium_lrs", "standardssd_lrs")
_MANAGED_DISK = ObjectSchema(
    diskEncryptionSet=ObjectSchema(id=string),
    storageAccountType=_STORAGE,
    securityProfile=ObjectSchema(
        securityEncryptionType=choice("DiskWithVMGuestState", "NonPersistedTPM", "VMGuestStateOnly")
    ),
)
_DATA_DISK = ObjectSchema(
    lun=required(integer(0, 63)),
    caching=optional(_CACHING, "none"),
    diskSizeGB=required(integer(1)),
    storageAccountType=_STORAGE,
    managedDisk=_MANAGED_DISK,
)


def _data_disk(value: Any, name: str) -> dict[str, Any]:
    stored = _DATA_DISK(value, name)
    if "managedDisk" in stored or "storageAccountType" in stored:
        return stored
    return {**stored, "storageAccountType": "standard_lrs"}


_OS_DISK = ObjectSchema(
    ephemeralOSDiskSettings=ObjectSchema(placement=choice("cachedisk")),
    caching=_CACHING,
    diskSizeGB=integer(1),
    managedDisk=_MANAGED_DISK,
    writeAcceleratorEnabled=boolean,
)
_HOST_ENDPOINT = ObjectSchema(inVMAccessControlProfileReferenceId=string, mode=choice("Audit", "Enforce"))
_SECURITY = ObjectSchema(
    encryptionAtHost=boolean,
    proxyAgentSettings=ObjectSchema(enabled=boolean, imds=_HOST_ENDPOINT, wireServer=_HOST_ENDPOINT),
    securityType=choice("trustedLaunch", "confidentialvm"),
    uefiSettings=ObjectSchema(secureBootEnabled=boolean, vTpmEnabled=boolean),
)
_DISK_ENCRYPTION = ObjectSchema(
    customerManagedKey=ObjectSchema(
        identityReference=IDENTITY, keyUrl=string, rotationToLatestKeyVersionEnabled=boolean
    ),
    targets=list_of(choice("osdisk", "temporarydisk")),
)
_EXTENSION = ObjectSchema(
    name=required(string),
    publisher=required(string),
    type=required(string),
    typeHandlerVersion=string,
    autoUpgradeMinorVersion=boolean,
    enableAutomaticUpgrade=boolean,
    settings=opaque,
    protectedSettings=opaque,
    provisionAfterExtensions=list_of(string),
)
MACHINE: Final = ObjectSchema(
    imageReference=required(_image_reference),
    nodeAgentSKUId=required(string),
    windowsConfiguration=ObjectSchema(enableAutomaticUpdates=boolean),
    dataDisks=list_of(_data_disk),
    licenseType=string,
    containerConfiguration=ObjectSchema(
        type=required(string),
        containerImageNames=list_of(string),
        containerRegistries=list_of(REGISTRY),
    ),
    diskEncryptionConfiguration=_DISK_ENCRYPTION,
    nodePlacementConfiguration=ObjectSchema(policy=choice("regional", "zonal")),
    extensions=list_of(without_secrets(_EXTENSION, "protectedSettings")),
    osDisk=_OS_DISK,
    securityProfile=_SECURITY,
    serviceArtifactReference=ObjectSchema(id=required(string)),
)
"""The `virtualMachineConfiguration` of a pool."""

CLOUD_SERVICE: Final = ObjectSchema(osFamily=required(string), osVersion=optional(string, "*"))
"""The `cloudServiceConfiguration` of a pool. Only old API versions have it."""

_NAT_POOL = ObjectSchema(
    name=required(string),
    protocol=required(choice("tcp", "udp")),
    backendPort=required(integer(1, 65535)),
    frontendPortRangeStart=required(integer(1, 65534)),
    frontendPortRangeEnd=required(integer(1, 65534)),
    networkSecurityGroupRules=list_of(
        ObjectSchema(
            priority=required(integer(150, 4096)),
            access=required(choice("allow", "deny")),
            sourceAddressPrefix=required(string),
            sourcePortRanges=optional(list_of(string), ["*"]),
        )
    ),
)
NETWORK: Final = ObjectSchema(
    subnetId=string,
    dynamicVNetAssignmentScope=optional(choice("none", "job"), "none"),
    endpointConfiguration=ObjectSchema(inboundNATPools=required(list_of(_NAT_POOL))),
    publicIPAddressConfiguration=ObjectSchema(
        provision=choice("batchmanaged", "usermanaged", "nopublicipaddresses"),
        ipFamilies=list_of(choice("IPv4", "IPv6")),
        ipAddressIds=list_of(string),
        ipTags=list_of(ObjectSchema(ipTagType=string, tag=string)),
    ),
    enableAcceleratedNetworking=boolean,
)
"""The `networkConfiguration` of a pool."""

JOB_NETWORK: Final = ObjectSchema(subnetId=required(string), skipWithdrawFromVNet=boolean)
"""The `networkConfiguration` of a job."""

_UPGRADES = ObjectSchema(
    disableAutomaticRollback=boolean,
    enableAutomaticOSUpgrade=boolean,
    useRollingUpgradePolicy=boolean,
    osRollingUpgradeDeferral=boolean,
)
_ROLLING = ObjectSchema(
    enableCrossZoneUpgrade=boolean,
    maxBatchInstancePercent=integer(5, 100),
    maxUnhealthyInstancePercent=integer(5, 100),
    maxUnhealthyUpgradedInstancePercent=integer(0, 100),
    pauseTimeBetweenBatches=duration,
    prioritizeUnhealthyInstances=boolean,
    rollbackFailedInstancesOnPolicyBreach=boolean,
)
UPGRADES: Final = ObjectSchema(
    mode=required(choice("automatic", "manual", "rolling")),
    automaticOSUpgradePolicy=_UPGRADES,
    rollingUpgradePolicy=_ROLLING,
)
"""The `upgradePolicy` of a pool."""

_BLOB_MOUNT = ObjectSchema(
    accountName=required(string),
    containerName=required(string),
    accountKey=string,
    sasKey=string,
    blobfuseOptions=string,
    relativeMountPath=required(string),
    identityReference=IDENTITY,
)
_CIFS_MOUNT = ObjectSchema(
    username=required(string),
    source=required(string),
    relativeMountPath=required(string),
    mountOptions=string,
    password=required(string),
)
_SHARE_MOUNT = ObjectSchema(
    accountName=required(string),
    azureFileUrl=required(string),
    accountKey=required(string),
    relativeMountPath=required(string),
    mountOptions=string,
)
MOUNT: Final = ObjectSchema(
    azureBlobFileSystemConfiguration=without_secrets(_BLOB_MOUNT, "accountKey", "sasKey"),
    nfsMountConfiguration=ObjectSchema(
        source=required(string), relativeMountPath=required(string), mountOptions=string
    ),
    cifsMountConfiguration=without_secrets(_CIFS_MOUNT, "password"),
    azureFileShareConfiguration=without_secrets(_SHARE_MOUNT, "accountKey"),
)
"""An item of the `mountConfiguration` of a pool."""

_LINUX_USER = ObjectSchema(uid=integer(0), gid=integer(0), sshPrivateKey=string)
USER_ACCOUNT: Final = without_secrets(
    ObjectSchema(
        name=required(string),
        password=required(string),
        elevationLevel=optional(choice("nonadmin", "admin"), "nonadmin"),
        linuxUserConfiguration=without_secrets(_LINUX_USER, "sshPrivateKey"),
        windowsUserConfiguration=ObjectSchema(loginMode=choice("batch", "interactive")),
    ),
    "password",
)
"""An item of the `userAccounts` of a pool."""
