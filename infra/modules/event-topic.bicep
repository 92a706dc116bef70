// The Event Grid topic that batchmgr sends its CloudEvents to. It takes identities only. Who subscribes is up to you.
param name string
param location string
param tags object
@description('Only private endpoints reach it. What it delivers is not affected.')
param private bool

resource topic 'Microsoft.EventGrid/topics@2025-02-15' = {
  name: name
  location: location
  tags: tags
  properties: {
    disableLocalAuth: true
    // It can't be changed later.
    inputSchema: 'CloudEventSchemaV1_0'
    minimumTlsVersionAllowed: '1.2'
    publicNetworkAccess: private ? 'Disabled' : 'Enabled'
  }
}
