// The types of the parameters. Which value a stage has: stages/.

@export()
@description('What is there already, by resource id. What is left out is created.')
type existingType = {
  @description('A Batch account with Microsoft Entra authentication. Its auto-storage account stays as it is.')
  batchAccount: string?
  @description('The storage account of batchmgr: queues, job records, events, code. It may allow no shared keys.')
  storageAccount: string?
  @description('A second storage account, for the data of jobs, in the region of the Batch account. It may allow no shared keys.')
  dataAccount: string?
  @description('A Log Analytics workspace.')
  workspace: string?
  @description('The Event Grid system topic of the storage account. An account can have only one.')
  systemTopic: string?
  @description('An Event Grid topic with the CloudEvents schema, for the events of jobs and tasks. The app may then send to it.')
  eventTopic: string?
}

@export()
@description('The Functions app.')
type appType = {
  pythonVersion: '3.11' | '3.12' | '3.13'
  instanceMemoryMB: 512 | 2048 | 4096
  @minValue(40)
  @maxValue(1000)
  maximumInstanceCount: int
  @description('Instances that are always there and always paid, such as { name: \'http\', instanceCount: 1 }.')
  alwaysReady: { name: string, instanceCount: int }[]
  @description('BATCHMGR_POLL_SCHEDULE: every poll is an execution that is paid, so every 15 seconds are 172,800 a month.')
  pollSchedule: string
  @description('BATCHMGR_CALLBACK_HOSTS')
  callbackHosts: string
  @description('More app settings, such as BATCHMGR_STALL_LIMIT and BATCHMGR_WORKLOADS. No secrets: they would be readable in the deployment.')
  settings: { *: string }
  @description('Whether jobs may bring a pool of their own (autoPool). It needs a role that can also change pools.')
  jobsMayBringPools: bool
  @description('Nodes read and write blobs of the storage account with their identity instead of signatures. Signatures end after 7 days; but with the identity a task can act for every job.')
  nodesUseIdentity: bool
}

@export()
@description('A pool of the Batch account.')
type poolType = {
  name: string
  vmSize: string
  image: imageType
  scale: scaleType
  @description('How many tasks run on a node at a time: 1 to 4 for each core, at most 256.')
  @minValue(1)
  @maxValue(256)
  taskSlotsPerNode: int?
  @description('Makes the pool one of containers: every task must then name an image.')
  containers: containersType?
  startTask: startTaskType?
  @description('Application packages that every node of the pool gets. Publish them first.')
  @maxLength(10)
  applicationPackages: { applicationId: string, version: string? }[]?
  @description('Tasks on several nodes that talk to each other (MPI).')
  interNodeCommunication: bool?
}

@discriminator('kind')
type imageType = marketplaceImageType | galleryImageType

type marketplaceImageType = {
  kind: 'marketplace'
  publisher: string
  offer: string
  sku: string
  version: string?
  @description('Must fit the image: `az batch pool supported-images list`')
  nodeAgentSkuId: string
}

type galleryImageType = {
  kind: 'gallery'
  @description('The resource id of a version of an image in an Azure Compute Gallery, in the region of the Batch account.')
  id: string
  nodeAgentSkuId: string
}

@discriminator('kind')
type scaleType = fixedScaleType | automaticScaleType | formulaScaleType

type fixedScaleType = {
  kind: 'fixed'
  @minValue(0)
  nodes: int
  @description('How many percent of the nodes are spot nodes.')
  @minValue(0)
  @maxValue(100)
  spotShare: int?
}

type automaticScaleType = {
  kind: 'automatic'
  @minValue(0)
  minimumNodes: int
  @minValue(1)
  maximumNodes: int
  @minValue(0)
  @maxValue(100)
  spotShare: int?
}

type formulaScaleType = {
  kind: 'formula'
  formula: string
}

type containersType = {
  @description('Images that every node fetches when it starts.')
  imageNames: string[]
  registry: {
    @description('Such as myregistry.azurecr.io')
    server: string
    @description('The resource id of the Azure Container Registry. The nodes\' identity may then pull from it.')
    resourceId: string?
  }?
}

type startTaskType = {
  commandLine: string
  @description('Runs as administrator of the node. Without it, as a user without rights.')
  elevated: bool?
}

@export()
@description('What a stage decides.')
type stageType = {
  app: appType
  pools: poolType[]
  @description('A second storage account, for the data of jobs and for application packages: BATCHMGR_DATA_STORAGE.')
  dataAccount: bool
  @description('An Event Grid topic for the events of jobs and tasks. Without it they go to a queue only.')
  eventTopic: bool
  storageSku: 'Standard_LRS' | 'Standard_ZRS' | 'Standard_GRS'
  @description('A virtual network with private endpoints. Storage, Batch, Key Vault and the topic then take no calls from elsewhere.')
  privateNetwork: bool
  @description('Who gets the alerts.')
  alertEmails: string[]
  @minValue(30)
  @maxValue(730)
  logRetentionDays: int
  @description('Key Vault keeps a deleted vault for 90 days even against the owner\'s will. It can\'t be taken back.')
  purgeProtection: bool
}
