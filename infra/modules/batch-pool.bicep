// One pool.
import { poolType } from '../types.bicep'

param accountName string
param pool poolType
@description('The resource id of the identity that the nodes have.')
param nodeIdentityId string
@description('The subnet of the nodes, which then have no public address. Without it, Batch provides the network.')
param subnetId string?

var slots = pool.?taskSlotsPerNode ?? 1
var image = pool.image
var scale = pool.scale
var spotShare = scale.kind == 'formula' ? 0 : (scale.?spotShare ?? 0)

// Enough nodes for all tasks that wait or run, within the limits. If too few samples are there, the newest counts. A node is
// removed only when its tasks are done.
var formula = scale.kind == 'formula'
  ? scale.formula
  : scale.kind == 'automatic'
      ? join(
          [
            'period = TimeInterval_Minute * 3;'
            'enough = $PendingTasks.GetSamplePercent(period) >= 70;'
            'newest = max(0, $PendingTasks.GetSample(1));'
            'tasks = enough ? max(newest, avg($PendingTasks.GetSample(period))) : newest;'
            'wanted = ceil(tasks / ${slots});'
            'nodes = max(${scale.minimumNodes}, min(${scale.maximumNodes}, wanted));'
            'spot = floor(nodes * ${spotShare} / 100);'
            '$TargetLowPriorityNodes = spot;'
            '$TargetDedicatedNodes = nodes - spot;'
            '$NodeDeallocationOption = taskcompletion;'
          ],
          '\n'
        )
      : ''

resource account 'Microsoft.Batch/batchAccounts@2025-06-01' existing = {
  name: accountName

  resource batchPool 'pools' = {
    name: pool.name
    identity: {
      type: 'UserAssigned'
      userAssignedIdentities: { '${nodeIdentityId}': {} }
    }
    properties: {
      vmSize: pool.vmSize
      taskSlotsPerNode: slots
      interNodeCommunication: (pool.?interNodeCommunication ?? false) ? 'Enabled' : 'Disabled'
      deploymentConfiguration: {
        virtualMachineConfiguration: {
          nodeAgentSkuId: image.nodeAgentSkuId
          imageReference: image.kind == 'gallery'
            ? { id: image.id }
            : {
                publisher: image.publisher
                offer: image.offer
                sku: image.sku
                version: image.?version ?? 'latest'
              }
          containerConfiguration: pool.?containers == null
            ? null
            : {
                type: 'DockerCompatible'
                containerImageNames: pool.?containers.?imageNames
                containerRegistries: pool.?containers.?registry == null
                  ? []
                  : [
                      {
                        registryServer: pool.?containers.?registry.?server
                        identityReference: { resourceId: nodeIdentityId }
                      }
                    ]
              }
        }
      }
      scaleSettings: scale.kind == 'fixed'
        ? {
            fixedScale: {
              targetDedicatedNodes: scale.nodes - scale.nodes * spotShare / 100
              targetLowPriorityNodes: scale.nodes * spotShare / 100
            }
          }
        : {
            autoScale: {
              formula: formula
              evaluationInterval: 'PT5M'
            }
          }
      startTask: pool.?startTask == null
        ? null
        : {
            commandLine: pool.?startTask.?commandLine
            waitForSuccess: true
            maxTaskRetryCount: 2
            userIdentity: {
              autoUser: {
                scope: 'Pool'
                elevationLevel: (pool.?startTask.?elevated ?? false) ? 'Admin' : 'NonAdmin'
              }
            }
          }
      applicationPackages: map(pool.?applicationPackages ?? [], package => {
        id: '${account.id}/applications/${package.applicationId}'
        version: package.?version
      })
      networkConfiguration: subnetId == null
        ? null
        : {
            subnetId: subnetId
            publicIPAddressConfiguration: { provision: 'NoPublicIPAddresses' }
          }
    }
  }
}
