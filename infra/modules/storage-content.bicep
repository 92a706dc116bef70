// What batchmgr keeps in its storage account. It creates these itself at the first call; they are here too because an event
// subscription or a sender may come earlier. Also the container of the app's code.
param accountName string

var containers = ['batchmgr-jobs', 'batchmgr-events', 'batchmgr-finalize', 'batchmgr-requests']
var queues = ['batchmgr-job-requests', 'batchmgr-callbacks', 'batchmgr-finalize', 'batchmgr-polls', 'batchmgr-progress']

@description('Azure Functions gives up a message into the queue of that name. batchmgr looks there.')
var poisonQueues = map(queues, queue => '${queue}-poison')

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: accountName

  resource blobs 'blobServices' existing = {
    name: 'default'

    resource container 'containers' = [
      for container in concat(containers, ['batchmgr-app-package']): {
        name: container
      }
    ]
  }

  resource queueService 'queueServices' existing = {
    name: 'default'

    resource queue 'queues' = [
      for queue in concat(queues, poisonQueues): {
        name: queue
      }
    ]
  }
}

output packageContainer string = 'batchmgr-app-package'
