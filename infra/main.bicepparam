// What azd passes to main.bicep. The stage is BATCHMGR_STAGE: dev, test or prod; edit its file in stages/ for all else.
// `azd env set NAME VALUE` sets the variables that are read here.
using 'main.bicep'

import { dev } from 'stages/dev.bicep'
import { test } from 'stages/test.bicep'
import { prod } from 'stages/prod.bicep'

var chosen = readEnvironmentVariable('BATCHMGR_STAGE', 'dev')
var stage = { dev: dev, test: test, prod: prod }[chosen]
var emails = readEnvironmentVariable('BATCHMGR_ALERT_EMAIL', '')
var batchAccount = readEnvironmentVariable('BATCHMGR_EXISTING_BATCH_ACCOUNT', '')
var storageAccount = readEnvironmentVariable('BATCHMGR_EXISTING_STORAGE_ACCOUNT', '')
var theirData = readEnvironmentVariable('BATCHMGR_EXISTING_DATA_ACCOUNT', '')
var workspace = readEnvironmentVariable('BATCHMGR_EXISTING_WORKSPACE', '')
var systemTopic = readEnvironmentVariable('BATCHMGR_EXISTING_SYSTEM_TOPIC', '')
var theirEvents = readEnvironmentVariable('BATCHMGR_EXISTING_EVENT_TOPIC', '')

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME')
param location = readEnvironmentVariable('AZURE_LOCATION')
param principalId = readEnvironmentVariable('AZURE_PRINCIPAL_ID', '')

param existing = {
  batchAccount: empty(batchAccount) ? null : batchAccount
  storageAccount: empty(storageAccount) ? null : storageAccount
  dataAccount: empty(theirData) ? null : theirData
  workspace: empty(workspace) ? null : workspace
  systemTopic: empty(systemTopic) ? null : systemTopic
  eventTopic: empty(theirEvents) ? null : theirEvents
}
param defaultPoolId = readEnvironmentVariable('BATCHMGR_DEFAULT_POOL_ID', '')

param app = stage.app
param pools = stage.pools
param dataAccount = stage.dataAccount
param eventTopic = stage.eventTopic
param storageSku = stage.storageSku
param privateNetwork = stage.privateNetwork
param alertEmails = empty(emails) ? stage.alertEmails : [emails]
param logRetentionDays = stage.logRetentionDays
param purgeProtection = stage.purgeProtection
