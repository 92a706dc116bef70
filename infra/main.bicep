// batchmgr in a subscription: everything that `azd provision` makes. Parameters: main.bicepparam and stages/.
targetScope = 'subscription'

import { appType, existingType, poolType } from 'types.bicep'

@minLength(1)
@maxLength(40)
@description('The name of the azd environment. Names and tags are made from it.')
param environmentName string
param location string
param existing existingType
param app appType
param pools poolType[]
@description('The pool of jobs that name none, if it is not the first of `pools`.')
param defaultPoolId string = ''
param dataAccount bool
param eventTopic bool
param storageSku 'Standard_LRS' | 'Standard_ZRS' | 'Standard_GRS'
param privateNetwork bool
param alertEmails string[]
param logRetentionDays int
param purgeProtection bool
@description('Who deploys: may upload data and publish application packages. Empty: nobody.')
param principalId string = ''

var token = toLower(uniqueString(subscription().id, environmentName, location))
var tags = { 'azd-env-name': environmentName }
var groupName = 'rg-batchmgr-${environmentName}'
var appName = 'func-${token}'
var appIdentityName = 'id-app-${token}'
var nodeIdentityName = 'id-nodes-${token}'
var componentName = 'appi-${token}'
var vaultName = 'kv-${token}'
var networkName = 'vnet-${token}'
var topicName = 'evgt-${token}'
var eventTopicName = 'evgt-events-${token}'

// What is there already may be in another resource group.
func placeOf(id string) object => { subscription: split(id, '/')[2], group: split(id, '/')[4], name: last(split(id, '/')) }
func here(subscriptionId string, group string, name string) object => { subscription: subscriptionId, group: group, name: name }

var storagePlace = existing.?storageAccount == null
  ? here(subscription().subscriptionId, groupName, 'st${token}')
  : placeOf(existing.storageAccount!)
var batchPlace = existing.?batchAccount == null
  ? here(subscription().subscriptionId, groupName, 'ba${token}')
  : placeOf(existing.batchAccount!)
var dataPlace = existing.?dataAccount == null
  ? here(subscription().subscriptionId, groupName, 'stdata${token}')
  : placeOf(existing.dataAccount!)
var hasData = dataAccount || existing.?dataAccount != null
// A Batch account that is there already keeps its packages where it does.
var keepsPackages = hasData && existing.?batchAccount == null
var eventTopicPlace = existing.?eventTopic == null
  ? here(subscription().subscriptionId, groupName, eventTopicName)
  : placeOf(existing.eventTopic!)
var sendsToTopic = eventTopic || existing.?eventTopic != null
var storageAccountId = resourceId(storagePlace.subscription, storagePlace.group, 'Microsoft.Storage/storageAccounts', storagePlace.name)
var batchAccountId = resourceId(batchPlace.subscription, batchPlace.group, 'Microsoft.Batch/batchAccounts', batchPlace.name)
var dataAccountId = resourceId(dataPlace.subscription, dataPlace.group, 'Microsoft.Storage/storageAccounts', dataPlace.name)
var vaultId = resourceId(subscription().subscriptionId, groupName, 'Microsoft.KeyVault/vaults', vaultName)
var appIdentityId = resourceId(subscription().subscriptionId, groupName, 'Microsoft.ManagedIdentity/userAssignedIdentities', appIdentityName)
var nodeIdentityId = resourceId(subscription().subscriptionId, groupName, 'Microsoft.ManagedIdentity/userAssignedIdentities', nodeIdentityName)
var networkId = resourceId(subscription().subscriptionId, groupName, 'Microsoft.Network/virtualNetworks', networkName)
var topicId = existing.?systemTopic ?? resourceId(subscription().subscriptionId, groupName, 'Microsoft.EventGrid/systemTopics', topicName)
var eventTopicId = resourceId(eventTopicPlace.subscription, eventTopicPlace.group, 'Microsoft.EventGrid/topics', eventTopicPlace.name)
var endpointSuffix = environment().suffixes.storage
var poolOfJobs = empty(defaultPoolId) ? (empty(pools) ? '' : pools[0].name) : defaultPoolId

resource group 'Microsoft.Resources/resourceGroups@2024-11-01' = {
  name: groupName
  location: location
  tags: tags
}

// ── Identities ──

module appIdentity 'modules/identity.bicep' = {
  scope: group
  params: { name: appIdentityName, location: location, tags: tags }
}

module nodeIdentity 'modules/identity.bicep' = {
  scope: group
  params: { name: nodeIdentityName, location: location, tags: tags }
}

// ── Storage ──

module storageAccount 'modules/storage-account.bicep' = if (existing.?storageAccount == null) {
  scope: group
  params: { name: storagePlace.name, location: location, tags: tags, sku: storageSku, private: privateNetwork }
}

module storageContent 'modules/storage-content.bicep' = {
  scope: resourceGroup(storagePlace.subscription, storagePlace.group)
  params: { accountName: storagePlace.name }
  dependsOn: [storageAccount]
}

module data 'modules/storage-account.bicep' = if (dataAccount && existing.?dataAccount == null) {
  scope: group
  params: { name: dataPlace.name, location: location, tags: tags, sku: storageSku, private: privateNetwork }
}

module appOwnsBlobs 'modules/roles/storage-account.bicep' = {
  scope: resourceGroup(storagePlace.subscription, storagePlace.group)
  params: {
    resourceName: storagePlace.name
    grant: {
      role: 'Storage Blob Data Owner'
      principalId: appIdentity.outputs.principalId
      holder: appIdentityId
      why: 'The app keeps job records, events and its code here, and makes a container for each job. The Functions host asks for Owner; signatures for nodes need the whole account.'
    }
  }
  dependsOn: [storageAccount]
}

module appUsesQueues 'modules/roles/storage-account.bicep' = {
  scope: resourceGroup(storagePlace.subscription, storagePlace.group)
  params: {
    resourceName: storagePlace.name
    grant: {
      role: 'Storage Queue Data Contributor'
      principalId: appIdentity.outputs.principalId
      holder: appIdentityId
      why: 'The app takes job requests, sends callbacks and events, and empties poison queues. The blob trigger has a queue of its own.'
    }
  }
  dependsOn: [storageAccount]
}

module nodesUseBlobs 'modules/roles/nodes-on-storage-account.bicep' = if (app.nodesUseIdentity) {
  scope: resourceGroup(storagePlace.subscription, storagePlace.group)
  params: {
    accountName: storagePlace.name
    principalId: nodeIdentity.outputs.principalId
    holder: nodeIdentityId
  }
  dependsOn: [storageAccount]
}

module appUsesData 'modules/roles/storage-account.bicep' = if (hasData) {
  scope: resourceGroup(dataPlace.subscription, dataPlace.group)
  params: {
    resourceName: dataPlace.name
    grant: {
      role: 'Storage Blob Data Contributor'
      principalId: appIdentity.outputs.principalId
      holder: appIdentityId
      why: 'The app lists blobs, makes containers for the files of jobs, and signs for them.'
    }
    condition: replace(loadTextContent('modules/roles/nodes-data-condition.txt'), '\n', ' ')
  }
  dependsOn: [data]
}

module nodesUseData 'modules/roles/storage-account.bicep' = if (hasData && app.nodesUseIdentity) {
  scope: resourceGroup(dataPlace.subscription, dataPlace.group)
  params: {
    resourceName: dataPlace.name
    grant: {
      role: 'Storage Blob Data Contributor'
      principalId: nodeIdentity.outputs.principalId
      holder: nodeIdentityId
      why: 'Tasks read and write data. Nodes fetch application packages, but can\'t change them.'
    }
    // Azure Batch keeps application packages in containers named app-….
    condition: replace(loadTextContent('modules/roles/nodes-data-condition.txt'), '\n', ' ')
  }
  dependsOn: [data]
}

// Without that, nodes get signatures for the files of their job, and need the packages only.
module nodesReadPackages 'modules/roles/storage-account.bicep' = if (keepsPackages && !app.nodesUseIdentity) {
  scope: resourceGroup(dataPlace.subscription, dataPlace.group)
  params: {
    resourceName: dataPlace.name
    grant: {
      role: 'Storage Blob Data Reader'
      principalId: nodeIdentity.outputs.principalId
      holder: nodeIdentityId
      why: 'Nodes fetch application packages, and read nothing else. For the files of a job they get signatures.'
    }
    condition: replace(loadTextContent('modules/roles/nodes-packages-condition.txt'), '\n', ' ')
  }
  dependsOn: [data]
}

module deployerUsesData 'modules/roles/storage-account.bicep' = if (hasData && !empty(principalId)) {
  scope: resourceGroup(dataPlace.subscription, dataPlace.group)
  params: {
    resourceName: dataPlace.name
    grant: {
      role: 'Storage Blob Data Contributor'
      principalId: principalId
      isDeployer: true
      holder: principalId
      why: 'Who deploys uploads data, and the content of application packages.'
    }
  }
  dependsOn: [data]
}

// ── Azure Batch ──

module batchAccount 'modules/batch-account.bicep' = if (existing.?batchAccount == null) {
  scope: group
  params: {
    name: batchPlace.name
    location: location
    tags: tags
    private: privateNetwork
    autoStorage: hasData ? { storageAccountId: dataAccountId, nodeIdentityId: nodeIdentityId } : null
  }
  dependsOn: [data, nodeIdentity]
}

module batchKeepsPackages 'modules/roles/storage-account.bicep' = if (keepsPackages) {
  scope: resourceGroup(dataPlace.subscription, dataPlace.group)
  params: {
    resourceName: dataPlace.name
    grant: {
      role: 'Storage Blob Data Contributor'
      principalId: batchAccount!.outputs.principalId
      holder: batchAccountId
      why: 'The Batch account stores application packages.'
    }
  }
  dependsOn: [data]
}

module appUsesBatch 'modules/roles/batch-account.bicep' = {
  scope: resourceGroup(batchPlace.subscription, batchPlace.group)
  params: {
    resourceName: batchPlace.name
    grant: {
      role: app.jobsMayBringPools ? 'Azure Batch Data Contributor' : 'Azure Batch Job Submitter'
      principalId: appIdentity.outputs.principalId
      holder: appIdentityId
      why: app.jobsMayBringPools
        ? 'The app submits, watches and ends jobs, and jobs may bring a pool of their own.'
        : 'The app submits, watches and ends jobs on pools that are there.'
    }
  }
  dependsOn: [batchAccount]
}

module deployerPublishesPackages 'modules/roles/batch-account.bicep' = if (!empty(principalId)) {
  scope: resourceGroup(batchPlace.subscription, batchPlace.group)
  params: {
    resourceName: batchPlace.name
    grant: {
      role: 'Azure Batch Data Contributor'
      principalId: principalId
      isDeployer: true
      holder: principalId
      why: 'Who deploys publishes application packages, and looks at jobs and nodes.'
    }
  }
  dependsOn: [batchAccount]
}

var registries = filter(map(pools, pool => pool.?containers.?registry.?resourceId ?? ''), id => !empty(id))

module nodesPullImages 'modules/roles/container-registry.bicep' = [
  for id in union(registries, []): {
    name: 'pull-${uniqueString(id)}'
    scope: resourceGroup(split(id, '/')[2], split(id, '/')[4])
    params: {
      resourceName: last(split(id, '/'))
      grant: {
        role: 'AcrPull'
        principalId: nodeIdentity.outputs.principalId
        holder: nodeIdentityId
        why: 'Nodes fetch the images of tasks.'
      }
    }
  }
]

module batchPools 'modules/batch-pool.bicep' = [
  for pool in pools: {
    name: 'pool-${pool.name}'
    scope: resourceGroup(batchPlace.subscription, batchPlace.group)
    params: {
      accountName: batchPlace.name
      pool: pool
      nodeIdentityId: nodeIdentityId
      subnetId: privateNetwork ? '${networkId}/subnets/nodes' : null
    }
    dependsOn: [batchAccount, nodeIdentity, nodesPullImages, privateEndpoints]
  }
]

module batch 'modules/batch-endpoint.bicep' = {
  scope: resourceGroup(batchPlace.subscription, batchPlace.group)
  params: { accountName: batchPlace.name }
  dependsOn: [batchAccount]
}

// ── Network ──

var zones = {
  blob: 'privatelink.blob.${endpointSuffix}'
  queue: 'privatelink.queue.${endpointSuffix}'
  vault: 'privatelink${replace(environment().suffixes.keyvaultDns, 'vault', 'vaultcore')}'
  batchAccount: 'privatelink.batch.azure.com'
  nodeManagement: 'privatelink.batch.azure.com'
  topic: 'privatelink.eventgrid.azure.net'
}

module network 'modules/network.bicep' = if (privateNetwork) {
  scope: group
  params: {
    name: networkName
    location: location
    tags: tags
    dnsZones: concat([zones.blob, zones.queue, zones.vault, zones.batchAccount], sendsToTopic ? [zones.topic] : [])
  }
}

var endpoints = concat(
  [
    { of: 'storage', id: storageAccountId, service: 'blob' }
    { of: 'storage', id: storageAccountId, service: 'queue' }
    { of: 'vault', id: vaultId, service: 'vault' }
    { of: 'batch', id: batchAccountId, service: 'batchAccount' }
    { of: 'batch', id: batchAccountId, service: 'nodeManagement' }
  ],
  hasData ? [{ of: 'data', id: dataAccountId, service: 'blob' }] : [],
  sendsToTopic ? [{ of: 'events', id: eventTopicId, service: 'topic' }] : []
)

module privateEndpoints 'modules/private-endpoint.bicep' = [
  for endpoint in endpoints: if (privateNetwork) {
    name: 'endpoint-${endpoint.of}-${endpoint.service}'
    scope: group
    params: {
      name: 'pep-${endpoint.of}-${endpoint.service}-${token}'
      location: location
      tags: tags
      networkName: networkName
      targetId: endpoint.id
      groupId: endpoint.service
      dnsZone: zones[endpoint.service]
    }
    dependsOn: [network, storageAccount, data, batchAccount, vault, events]
  }
]

// ── The signing key of callbacks ──

module vault 'modules/key-vault.bicep' = {
  scope: group
  params: { name: vaultName, location: location, tags: tags, purgeProtection: purgeProtection, private: privateNetwork }
}

module appReadsKey 'modules/roles/key-vault.bicep' = {
  scope: group
  params: {
    resourceName: vaultName
    grant: {
      role: 'Key Vault Secrets User'
      principalId: appIdentity.outputs.principalId
      holder: appIdentityId
      why: 'An app setting refers to the key that callbacks are signed with. The vault holds nothing else.'
    }
  }
  dependsOn: [vault]
}

// ── The topic that events are sent to ──

module events 'modules/event-topic.bicep' = if (eventTopic && existing.?eventTopic == null) {
  scope: group
  params: { name: eventTopicName, location: location, tags: tags, private: privateNetwork }
}

module eventTopicEndpoint 'modules/event-topic-endpoint.bicep' = if (sendsToTopic) {
  scope: resourceGroup(eventTopicPlace.subscription, eventTopicPlace.group)
  params: { topicName: eventTopicPlace.name }
  dependsOn: [events]
}

module appSendsEvents 'modules/roles/event-topic.bicep' = if (sendsToTopic) {
  scope: resourceGroup(eventTopicPlace.subscription, eventTopicPlace.group)
  params: {
    resourceName: eventTopicPlace.name
    grant: {
      role: 'EventGrid Data Sender'
      principalId: appIdentity.outputs.principalId
      holder: appIdentityId
      why: 'The app sends the events of jobs and tasks to this topic, for whoever subscribes.'
    }
  }
  dependsOn: [events]
}

// ── Telemetry ──

module monitoring 'modules/monitoring.bicep' = {
  scope: group
  params: {
    name: componentName
    workspaceName: 'log-${token}'
    location: location
    tags: tags
    retentionDays: logRetentionDays
    existingWorkspaceId: existing.?workspace
  }
}

module appSendsTelemetry 'modules/roles/application-insights.bicep' = {
  scope: group
  params: {
    resourceName: componentName
    grant: {
      role: 'Monitoring Metrics Publisher'
      principalId: appIdentity.outputs.principalId
      holder: appIdentityId
      why: 'The app and its host send telemetry. Application Insights takes it from identities only.'
    }
  }
  dependsOn: [monitoring]
}

module alerts 'modules/alerts.bicep' = {
  scope: group
  params: {
    namePrefix: 'batchmgr-${environmentName}'
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    componentId: resourceId(subscription().subscriptionId, groupName, 'Microsoft.Insights/components', componentName)
    systemTopicId: topicId
    batchAccountId: batchAccountId
    healthUrl: 'https://${functionApp.outputs.hostName}/api/health'
    emails: alertEmails
  }
  dependsOn: [topic, batchAccount]
}

module workbook 'modules/workbook.bicep' = {
  scope: group
  params: {
    displayName: 'batchmgr ${environmentName}'
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    componentId: monitoring.outputs.componentId
  }
}

// ── The app, and the events that raise it ──

module functionApp 'modules/function-app.bicep' = {
  scope: group
  params: {
    name: appName
    planName: 'plan-${token}'
    location: location
    tags: tags
    app: app
    identity: { id: appIdentityId, clientId: appIdentity.outputs.clientId }
    storage: {
      blobEndpoint: 'https://${storagePlace.name}.blob.${endpointSuffix}'
      queueEndpoint: 'https://${storagePlace.name}.queue.${endpointSuffix}'
      packageContainer: storageContent.outputs.packageContainer
    }
    batchEndpoint: batch.outputs.endpoint
    defaultPoolId: poolOfJobs
    nodeIdentityId: app.nodesUseIdentity ? nodeIdentityId : ''
    optionalSettings: union(
      hasData ? { BATCHMGR_DATA_STORAGE: 'https://${dataPlace.name}.blob.${endpointSuffix}' } : {},
      sendsToTopic ? { BATCHMGR_EVENT_TOPIC: eventTopicEndpoint!.outputs.endpoint } : {}
    )
    callbackKeyUri: 'https://${vaultName}${environment().suffixes.keyvaultDns}/secrets/callback-key'
    applicationInsightsConnectionString: monitoring.outputs.connectionString
    subnetId: privateNetwork ? '${networkId}/subnets/app' : null
  }
  // The host reads its storage when it starts, and the code is published into it.
  dependsOn: [appOwnsBlobs, appUsesQueues, appReadsKey, privateEndpoints]
}

module topic 'modules/event-grid-topic.bicep' = if (existing.?systemTopic == null) {
  scope: resourceGroup(storagePlace.subscription, storagePlace.group)
  params: { name: topicName, location: location, tags: tags, storageAccountId: storageAccountId }
  dependsOn: [storageAccount]
}

// azd keeps these as variables of the environment; the hooks read them.
output AZURE_LOCATION string = location
output AZURE_RESOURCE_GROUP string = groupName
output BATCHMGR_URL string = 'https://${functionApp.outputs.hostName}'
output BATCHMGR_FUNCTION_APP_ID string = functionApp.outputs.id
output BATCHMGR_SYSTEM_TOPIC_ID string = topicId
output BATCHMGR_KEY_VAULT_ID string = vaultId
output BATCHMGR_BATCH_ACCOUNT_ID string = batchAccountId
output BATCHMGR_STORAGE_ACCOUNT string = storagePlace.name
output BATCHMGR_DATA_ACCOUNT string = hasData ? dataPlace.name : ''
output BATCHMGR_EVENT_TOPIC_ID string = sendsToTopic ? eventTopicId : ''
output BATCHMGR_NODE_IDENTITY_ID string = nodeIdentityId
