// The Functions app, on Flex Consumption.
import { appType } from '../types.bicep'

param name string
param planName string
param location string
param tags object
param app appType
param identity { id: string, clientId: string }
@description('Endpoints of the storage account, and the container of the code.')
param storage { blobEndpoint: string, queueEndpoint: string, packageContainer: string }
param batchEndpoint string
@description('The pool of jobs that name none.')
param defaultPoolId string
@description('The resource id of the identity that nodes use for blobs. Empty: they get signatures.')
param nodeIdentityId string
@description('Settings of what this deployment may have or not.')
param optionalSettings object
param callbackKeyUri string
param applicationInsightsConnectionString string
@description('The subnet that the app calls from.')
param subnetId string?

resource plan 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

resource site 'Microsoft.Web/sites@2024-11-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': 'app' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identity.id}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    keyVaultReferenceIdentity: identity.id
    virtualNetworkSubnetId: subnetId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${storage.blobEndpoint}/${storage.packageContainer}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identity.id
          }
        }
      }
      runtime: { name: 'python', version: app.pythonVersion }
      scaleAndConcurrency: {
        instanceMemoryMB: app.instanceMemoryMB
        maximumInstanceCount: app.maximumInstanceCount
        alwaysReady: app.alwaysReady
      }
    }
    siteConfig: { minTlsVersion: '1.2' }
  }

  // One child with all settings: it replaces what was there.
  resource settings 'config' = {
    name: 'appsettings'
    properties: union(
      {
        AzureWebJobsStorage__blobServiceUri: storage.blobEndpoint
        AzureWebJobsStorage__queueServiceUri: storage.queueEndpoint
        AzureWebJobsStorage__credential: 'managedidentity'
        AzureWebJobsStorage__clientId: identity.clientId
        BATCHMGR_BATCH_ENDPOINT: batchEndpoint
        BATCHMGR_POLL_SCHEDULE: app.pollSchedule
        BATCHMGR_BLOB_SOURCE: 'EventGrid'
        BATCHMGR_CALLBACK_HOSTS: app.callbackHosts
        BATCHMGR_CALLBACK_KEY: '@Microsoft.KeyVault(SecretUri=${callbackKeyUri})'
        APPLICATIONINSIGHTS_CONNECTION_STRING: applicationInsightsConnectionString
        // Without a semicolon at the end: the exporter would go on without a credential.
        APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identity.clientId};Authorization=AAD'
        PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY: 'true'
      },
      empty(defaultPoolId) ? {} : { BATCHMGR_POOL_ID: defaultPoolId },
      empty(nodeIdentityId) ? {} : { BATCHMGR_NODE_IDENTITY: nodeIdentityId },
      optionalSettings,
      app.settings
    )
  }

  // Code is published with Microsoft Entra tokens, never with a password.
  resource noFtpPassword 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: { allow: false }
  }

  resource noScmPassword 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: { allow: false }
  }
}

output id string = site.id
output hostName string = site.properties.defaultHostName
