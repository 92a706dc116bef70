// What nodes may do in batchmgr's storage account, if they use their identity for the files of jobs. A role of our own: each
// built-in role that writes blobs also deletes containers, and no condition can forbid that.
param accountName string
param principalId string
@description('Who it is, by a name that is known before the deployment: part of the names of the role and of the assignment.')
param holder string

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: accountName
}

resource role 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(account.id, holder, 'role')
  properties: {
    // Unique in the tenant.
    roleName: 'batchmgr nodes of ${accountName} ${uniqueString(account.id, holder)}'
    description: 'Read, write and delete blobs, and nothing with containers.'
    type: 'CustomRole'
    assignableScopes: [resourceGroup().id]
    permissions: [
      {
        actions: []
        notActions: []
        dataActions: [
          'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read'
          'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write'
          'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/add/action'
          'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/delete'
        ]
        notDataActions: []
      }
    ]
  }
}

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(account.id, holder, role.id)
  scope: account
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: role.id
    description: 'Tasks read and write files in their job\'s container, for longer than signatures last.'
    // Nothing of what batchmgr and the platform keep here. A finalize blob is written with a signature for it alone.
    condition: replace(loadTextContent('nodes-storage-condition.txt'), '\n', ' ')
    conditionVersion: '2.0'
  }
}
