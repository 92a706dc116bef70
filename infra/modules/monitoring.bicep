// Application Insights, which takes telemetry from identities only, on a workspace.
param name string
param workspaceName string
param location string
param tags object
param retentionDays int
@description('The resource id of a workspace that is there already.')
param existingWorkspaceId string?

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-07-01' = if (existingWorkspaceId == null) {
  name: workspaceName
  location: location
  tags: tags
  properties: {
    sku: { name: 'PerGB2018' }
    retentionInDays: retentionDays
    features: { disableLocalAuth: true }
  }
}

resource component 'Microsoft.Insights/components@2020-02-02' = {
  name: name
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    DisableLocalAuth: true
    WorkspaceResourceId: existingWorkspaceId ?? workspace.id
  }
}

@description('It is no secret here: without a token of an identity with a role nothing is taken.')
output connectionString string = component.properties.ConnectionString
output workspaceId string = existingWorkspaceId ?? workspace.id
output componentId string = component.id
