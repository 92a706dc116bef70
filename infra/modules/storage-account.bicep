// A storage account that takes identities only: no shared keys, no public blobs.
param name string
param location string
param tags object
param sku string
@description('Only private endpoints reach it, and services of Azure that may: Event Grid.')
param private bool

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: sku }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    publicNetworkAccess: private ? 'Disabled' : 'Enabled'
    supportsHttpsTrafficOnly: true
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: private ? 'Deny' : 'Allow'
    }
  }

  resource blobs 'blobServices' = {
    name: 'default'
    properties: {
      // A built-in role that writes blobs also deletes containers. For a week they can be had back.
      containerDeleteRetentionPolicy: { enabled: true, days: 7 }
    }
  }
}
