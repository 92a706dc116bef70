// Every option at once, for the tests: resources that are there already, and every kind of pool. Not for a deployment.
using 'main.bicep'

var group = '/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/shared/providers'

param environmentName = 'everything'
param location = 'westeurope'
param principalId = '00000000-0000-0000-0000-00000000000d'
param existing = {
  batchAccount: '${group}/Microsoft.Batch/batchAccounts/theirbatch'
  storageAccount: '${group}/Microsoft.Storage/storageAccounts/theirstorage'
  workspace: '${group}/Microsoft.OperationalInsights/workspaces/their-workspace'
  systemTopic: '${group}/Microsoft.EventGrid/systemTopics/their-topic'
}
param defaultPoolId = 'theirpool'
param app = {
  pythonVersion: '3.13'
  instanceMemoryMB: 4096
  maximumInstanceCount: 40
  alwaysReady: [{ name: 'function:submit_job', instanceCount: 1 }]
  pollSchedule: '0 * * * * *'
  callbackHosts: 'example.com'
  settings: {
    BATCHMGR_CALLBACK_NETWORKS: '10.1.0.0/16'
    BATCHMGR_CALLBACK_PORTS: '443,8443'
    BATCHMGR_CONTAINERS: 'genomes,team-*'
    BATCHMGR_FAIR_SHARE: 'team'
    BATCHMGR_PRICES: 'prices.json'
    BATCHMGR_KEEP_BATCH_JOBS: 'P3D'
    BATCHMGR_KEEP_JOBS: 'P90D'
    BATCHMGR_KEEP_MESSAGES: 'forever'
    BATCHMGR_KEEP_TASK_FILES: 'all'
    BATCHMGR_RETENTION_SCHEDULE: '0 0 * * * *'
    BATCHMGR_STALL_LIMIT: 'PT6H'
    BATCHMGR_BODY_LIMIT_MIB: '16'
    BATCHMGR_CALLBACK_ATTEMPTS: '4'
    BATCHMGR_WORKLOADS: 'a=b.c:D'
  }
  jobsMayBringPools: true
  nodesUseIdentity: true
}
param pools = [
  {
    name: 'gallery'
    vmSize: 'STANDARD_HB120RS_V3'
    image: {
      kind: 'gallery'
      id: '${group}/Microsoft.Compute/galleries/g/images/i/versions/1.0.0'
      nodeAgentSkuId: 'batch.node.ubuntu 24.04'
    }
    scale: { kind: 'fixed', nodes: 4, spotShare: 50 }
    interNodeCommunication: true
    applicationPackages: [{ applicationId: 'my_workload' }, { applicationId: 'other', version: '1.4.0' }]
    startTask: { commandLine: '/bin/bash -c "apt-get update"', elevated: true }
  }
  {
    name: 'containers'
    vmSize: 'STANDARD_D4S_V3'
    image: {
      kind: 'marketplace'
      publisher: 'microsoft-dsvm'
      offer: 'ubuntu-hpc'
      sku: '2204'
      version: '22.04.2024102301'
      nodeAgentSkuId: 'batch.node.ubuntu 22.04'
    }
    containers: {
      imageNames: ['theirs.azurecr.io/solver:1']
      registry: {
        server: 'theirs.azurecr.io'
        resourceId: '${group}/Microsoft.ContainerRegistry/registries/theirs'
      }
    }
    scale: { kind: 'automatic', minimumNodes: 0, maximumNodes: 10, spotShare: 80 }
    taskSlotsPerNode: 4
  }
  {
    name: 'formula'
    vmSize: 'STANDARD_D2S_V3'
    image: {
      kind: 'marketplace'
      publisher: 'canonical'
      offer: 'ubuntu-24_04-lts'
      sku: 'server'
      nodeAgentSkuId: 'batch.node.ubuntu 24.04'
    }
    scale: { kind: 'formula', formula: '$TargetDedicatedNodes = 1;' }
  }
]
param dataAccount = true
param eventTopic = true
param storageSku = 'Standard_GRS'
param privateNetwork = true
param alertEmails = ['ops@example.com']
param logRetentionDays = 30
param purgeProtection = true
