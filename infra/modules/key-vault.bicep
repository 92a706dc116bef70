// The vault of the key that callbacks are signed with. The key itself is made by hooks/postprovision.py, once.
param name string
param location string
param tags object
param purgeProtection bool
@description('Only private endpoints reach it. Azure Resource Manager may write the key all the same.')
param private bool

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    enableSoftDelete: true
    // Not false: the service refuses it, and it can't be taken back.
    enablePurgeProtection: purgeProtection ? true : null
    publicNetworkAccess: private ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: private ? 'Deny' : 'Allow'
    }
  }
}
