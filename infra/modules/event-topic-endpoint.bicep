// The endpoint of an Event Grid topic, which may be in another resource group.
param topicName string

resource topic 'Microsoft.EventGrid/topics@2025-02-15' existing = {
  name: topicName
}

output endpoint string = topic.properties.endpoint
