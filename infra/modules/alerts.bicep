// The alerts in alerts.json: on named lines of the log, on metrics of batchmgr and of the platform, and on the health check from
// outside.
param namePrefix string
param location string
param tags object
param workspaceId string
param componentId string
param systemTopicId string
param batchAccountId string
param healthUrl string
param emails string[]

var alerts = loadJsonContent('../alerts.json')
var watched = { systemTopic: systemTopicId, batchAccount: batchAccountId }

// Exceptions that are logged are in AppExceptions, all other lines in AppTraces.
var logLines = 'union isfuzzy=true AppTraces, AppExceptions | where _ResourceId =~ "${componentId}"'
var measurements = 'AppMetrics | where _ResourceId =~ "${componentId}"'

resource receivers 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-${namePrefix}'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'batchmgr'
    emailReceivers: map(range(0, length(emails)), index => {
      name: 'email-${index}'
      emailAddress: emails[index]
      useCommonAlertSchema: true
    })
  }
}

resource logAlerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for alert in alerts.logAlerts: {
    name: '${namePrefix}-${alert.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: '${namePrefix}: ${alert.name}'
      description: alert.description
      severity: alert.severity
      enabled: true
      scopes: [workspaceId]
      evaluationFrequency: 'PT5M'
      windowSize: 'PT${alert.windowMinutes}M'
      // A new workspace has no tables yet, and the check would fail.
      skipQueryValidation: true
      autoMitigate: true
      criteria: {
        allOf: [
          {
            query: '${logLines} | where tostring(Properties["batchmgr.log.line"]) == "${alert.line}"'
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: alert.moreThan
            failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
          }
        ]
      }
      actions: { actionGroups: [receivers.id] }
    }
  }
]

resource ownMetricAlerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for alert in alerts.ownMetricAlerts: {
    name: '${namePrefix}-${alert.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: '${namePrefix}: ${alert.name}'
      description: alert.description
      severity: alert.severity
      enabled: true
      scopes: [workspaceId]
      evaluationFrequency: 'PT5M'
      windowSize: 'PT${alert.windowMinutes}M'
      skipQueryValidation: true
      autoMitigate: true
      criteria: {
        allOf: [
          {
            query: join(
              [
                '${measurements} and Name == "${alert.metric}"'
                alert.?where == null
                  ? ''
                  : ' | where tostring(Properties["${alert.where.attribute}"]) in ("${join(alert.where.values, '", "')}")'
                alert.?splitBy == null ? '' : ' | extend Split = tostring(Properties["${alert.splitBy}"])'
              ],
              ''
            )
            timeAggregation: alert.aggregation
            // Not with Count. That alone is told of when there is nothing to count.
            metricMeasureColumn: alert.?value
            // One alert for each value of the attribute.
            dimensions: alert.?splitBy == null ? [] : [{ name: 'Split', operator: 'Include', values: ['*'] }]
            operator: alert.operator
            threshold: alert.threshold
            failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
          }
        ]
      }
      actions: { actionGroups: [receivers.id] }
    }
  }
]

resource metricAlerts 'Microsoft.Insights/metricAlerts@2018-03-01' = [
  for alert in alerts.metricAlerts: {
    name: '${namePrefix}-${alert.name}'
    location: 'global'
    tags: tags
    properties: {
      description: alert.description
      severity: alert.severity
      enabled: true
      scopes: [watched[alert.resource]]
      evaluationFrequency: 'PT5M'
      windowSize: 'PT15M'
      autoMitigate: true
      criteria: {
        'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
        allOf: [
          {
            criterionType: 'StaticThresholdCriterion'
            name: alert.metric
            metricName: alert.metric
            timeAggregation: alert.aggregation
            operator: 'GreaterThan'
            threshold: alert.moreThan
          }
        ]
      }
      actions: [{ actionGroupId: receivers.id }]
    }
  }
]

resource healthTest 'Microsoft.Insights/webtests@2022-06-15' = {
  name: '${namePrefix}-health'
  location: location
  tags: union(tags, { 'hidden-link:${componentId}': 'Resource' })
  kind: 'standard'
  properties: {
    Name: '${namePrefix}-health'
    SyntheticMonitorId: '${namePrefix}-health'
    Kind: 'standard'
    Enabled: true
    // A cold start takes some seconds.
    Timeout: 60
    Frequency: 900
    RetryEnabled: true
    Locations: map(['emea-nl-ams-azr', 'emea-gb-db3-azr', 'us-va-ash-azr'], place => { Id: place })
    Request: { RequestUrl: healthUrl, HttpVerb: 'GET' }
    ValidationRules: { ExpectedHttpStatusCode: 200, SSLCheck: true, SSLCertRemainingLifetimeCheck: 7 }
  }
}

resource healthAlert 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: '${namePrefix}-unhealthy'
  location: 'global'
  tags: tags
  properties: {
    description: 'GET /api/health does not answer 200: settings, storage or Azure Batch can\'t be used. GET /api/health/details says which.'
    severity: 1
    enabled: true
    scopes: [healthTest.id, componentId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT30M'
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.WebtestLocationAvailabilityCriteria'
      componentId: componentId
      webTestId: healthTest.id
      failedLocationCount: 2
    }
    actions: [{ actionGroupId: receivers.id }]
  }
}
