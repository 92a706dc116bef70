// One role on one resource: storage-account.
import { grantType } from 'grant.bicep'

param resourceName string
param grant grantType
@description('What the role does not cover, as a condition of attribute-based access control.')
param condition string?

var roles = loadJsonContent('../../roles.json')

resource resource 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
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
    condition: condition
    conditionVersion: condition == null ? null : '2.0'
  }
}
