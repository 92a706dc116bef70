// One role on one resource: key-vault.
import { grantType } from 'grant.bicep'

param resourceName string
param grant grantType

var roles = loadJsonContent('../../roles.json')

resource resource 'Microsoft.KeyVault/vaults@2024-11-01' existing = {
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
