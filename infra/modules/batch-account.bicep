// A Batch account without shared keys.
param name string
param location string
param tags object
@description('The storage account of application packages, and the identity that nodes fetch them with. Without it, there are none.')
param autoStorage { storageAccountId: string, nodeIdentityId: string }?
@description('Only private endpoints reach it.')
param private bool

resource account 'Microsoft.Batch/batchAccounts@2025-06-01' = {
  name: name
  location: location
  tags: tags
  // Of the account itself: it writes application packages to the storage account.
  identity: { type: 'SystemAssigned' }
  properties: {
    allowedAuthenticationModes: ['AAD']
    poolAllocationMode: 'BatchService'
    publicNetworkAccess: private ? 'Disabled' : 'Enabled'
    autoStorage: autoStorage == null
      ? null
      : {
          storageAccountId: autoStorage!.storageAccountId
          authenticationMode: 'BatchAccountManagedIdentity'
          nodeIdentityReference: { resourceId: autoStorage!.nodeIdentityId }
        }
  }
}

output principalId string = account.identity.principalId
