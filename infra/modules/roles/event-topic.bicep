// One role on one resource: event-topic.
import { grantType } from 'grant.bicep'

param resourceName string
param grant grantType

var roles = loadJsonContent('../../roles.json')

resource resource 'Microsoft.EventGrid/topics@2025-02-15' existing = {
  name: resourceName
}

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(resource.id, grant.holder, roles[grant.role])
  scope: resource
  properties: {
    principalId: grant.principalId
    principalType: (grant.?isDeployer ?? false) ? null : 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles[grant.role])
    description: grant.why
  }
}
