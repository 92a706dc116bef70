// A team tries a release: as production, but small, without a private network, and with a node that is always there.
import { stageType } from '../types.bicep'

@export()
var test stageType = {
  app: {
    pythonVersion: '3.12'
    instanceMemoryMB: 2048
    maximumInstanceCount: 40
    alwaysReady: []
    pollSchedule: '*/15 * * * * *'
    callbackHosts: '*.datafactory.azure.com'
    settings: { BATCHMGR_STALL_LIMIT: 'P1D' }
    jobsMayBringPools: false
    nodesUseIdentity: false
  }
  pools: [
    {
      name: 'default'
      vmSize: 'STANDARD_D2S_V3'
      image: {
        kind: 'marketplace'
        publisher: 'canonical'
        offer: 'ubuntu-24_04-lts'
        sku: 'server'
        nodeAgentSkuId: 'batch.node.ubuntu 24.04'
      }
      scale: { kind: 'fixed', nodes: 1 }
      taskSlotsPerNode: 2
    }
  ]
  dataAccount: true
  eventTopic: false
  storageSku: 'Standard_LRS'
  privateNetwork: false
  alertEmails: []
  logRetentionDays: 30
  purgeProtection: false
}
