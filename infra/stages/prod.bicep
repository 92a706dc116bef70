// Production: a private network, a copy of all data in other zones, an instance that is always ready for HTTP, a pool of
// programs and one of containers.
import { stageType } from '../types.bicep'

@export()
var prod stageType = {
  app: {
    pythonVersion: '3.12'
    instanceMemoryMB: 2048
    maximumInstanceCount: 100
    alwaysReady: [{ name: 'http', instanceCount: 1 }]
    pollSchedule: '*/15 * * * * *'
    callbackHosts: '*.datafactory.azure.com'
    settings: { BATCHMGR_STALL_LIMIT: 'P3D' }
    jobsMayBringPools: false
    nodesUseIdentity: false
  }
  pools: [
    {
      name: 'default'
      vmSize: 'STANDARD_D4S_V3'
      image: {
        kind: 'marketplace'
        publisher: 'canonical'
        offer: 'ubuntu-24_04-lts'
        sku: 'server'
        nodeAgentSkuId: 'batch.node.ubuntu 24.04'
      }
      scale: { kind: 'automatic', minimumNodes: 1, maximumNodes: 20 }
      taskSlotsPerNode: 4
      startTask: {
        commandLine: '/bin/bash -c "python3 --version && df -h /mnt"'
      }
    }
    {
      name: 'containers'
      vmSize: 'STANDARD_D4S_V3'
      image: {
        kind: 'marketplace'
        publisher: 'microsoft-dsvm'
        offer: 'ubuntu-hpc'
        sku: '2204'
        nodeAgentSkuId: 'batch.node.ubuntu 22.04'
      }
      containers: { imageNames: [] }
      scale: { kind: 'automatic', minimumNodes: 0, maximumNodes: 20 }
      taskSlotsPerNode: 4
    }
  ]
  dataAccount: true
  eventTopic: false
  storageSku: 'Standard_ZRS'
  privateNetwork: true
  alertEmails: []
  logRetentionDays: 90
  purgeProtection: true
}
