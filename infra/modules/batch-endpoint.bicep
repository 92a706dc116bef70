// The endpoint of a Batch account, which may be in another resource group.
param accountName string

resource account 'Microsoft.Batch/batchAccounts@2025-06-01' existing = {
  name: accountName
}

output endpoint string = 'https://${account.properties.accountEndpoint}'
