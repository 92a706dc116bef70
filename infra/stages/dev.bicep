// One person tries things out: nothing costs anything while no job runs, except storage and logs.
import { stageType } from '../types.bicep'

@export()
var dev stageType = {
  app: {
    pythonVersion: '3.12'
    instanceMemoryMB: 2048
    maximumInstanceCount: 40
    alwaysReady: []
    pollSchedule: '*/30 * * * * *'
    callbackHosts: '*.datafactory.azure.com'
    settings: {}
    jobsMayBringPools: true
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
      // No nodes until a job waits: the first task of a job waits five to ten minutes for one.
      scale: { kind: 'automatic', minimumNodes: 0, maximumNodes: 2 }
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
