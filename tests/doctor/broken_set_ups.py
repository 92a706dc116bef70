"""Local set-ups in which something is broken: how, what the doctor is to say, and what mends it."""

from batchmgr.devstack.tcp_ports import free_port
from batchmgr.doctor.finding import Status
from tests.doctor.broken import Broken, several
from tests.doctor.conftest import SetUp
from tests.doctor.ways_to_break import (
    OTHER_KEY,
    change_storage,
    disable_nodes,
    drop,
    enable_nodes,
    give_blobs_up,
    nobody_at_batch,
    poison,
    pool_with,
    put,
    remove_container,
    remove_queue,
    resize,
    restart_the_app,
    storage_as_batch,
    write_down,
)

WRONG, WARNING, UNKNOWN = Status.WRONG, Status.WARNING, Status.UNKNOWN
GUID = "00000000-0000-0000-0000-000000000001"
INSIGHTS = "APPLICATIONINSIGHTS_CONNECTION_STRING"
BY_WORKER, BY_BATCHMGR = "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY", "PYTHON_ENABLE_OPENTELEMETRY"

BROKEN: dict[str, Broken[SetUp]] = {
    "no storage setting": Broken(
        by=drop("AzureWebJobsStorage"),
        check="settings",
        what=("no storage account is configured",),
        remedy=("AzureWebJobsStorage__accountName", "UseDevelopmentStorage=true"),
    ),
    "no queues beside the blobs": Broken(
        by=several(
            drop("AzureWebJobsStorage"), put("AzureWebJobsStorage__blobServiceUri", "http://127.0.0.1:9/a")
        ),
        check="settings",
        what=("AzureWebJobsStorage__queueServiceUri is not",),
        remedy=("https://<account>.queue.core.windows.net",),
    ),
    "storage can't be reached": Broken(
        by=change_storage("BlobEndpoint", lambda: f"http://127.0.0.1:{free_port()}/test"),
        check="blobs",
        what=("nothing answers at http://127.0.0.1:",),
        remedy=("batchmgr start",),
    ),
    "a storage account that does not exist": Broken(
        by=change_storage("BlobEndpoint", lambda: "http://no-such-account.invalid/test"),
        check="blobs",
        what=("there is no host 'no-such-account.invalid'", "private endpoint"),
        remedy=("nslookup no-such-account.invalid",),
    ),
    "a wrong storage key": Broken(
        by=change_storage("AccountKey", lambda: OTHER_KEY),
        check="blobs",
        what=("the key is wrong",),
        remedy=("AccountKey in AzureWebJobsStorage",),
    ),
    "a data account that can't be reached": Broken(
        by=change_storage(
            "BlobEndpoint", lambda: f"http://127.0.0.1:{free_port()}/test", setting="BATCHMGR_DATA_STORAGE"
        ),
        check="data",
        what=("nothing answers at http://127.0.0.1:",),
        remedy=("batchmgr start",),
    ),
    "a wrong key of the data account": Broken(
        by=change_storage("AccountKey", lambda: OTHER_KEY, setting="BATCHMGR_DATA_STORAGE"),
        check="data",
        what=("the key is wrong",),
        remedy=("AccountKey in BATCHMGR_DATA_STORAGE",),
    ),
    "storage that is no connection string": Broken(
        by=put("AzureWebJobsStorage", "secret-of-somebody"),
        check="settings",
        what=("AzureWebJobsStorage is not a connection string",),
        remedy=("portal",),
    ),
    "storage without queues": Broken(
        by=put("AzureWebJobsStorage", "BlobEndpoint=http://127.0.0.1:9/a;SharedAccessSignature=sv=1&sig=x"),
        check="settings",
        what=("AzureWebJobsStorage is not a connection string, or lacks the queues",),
        remedy=("portal",),
    ),
    "a missing container": Broken(
        by=remove_container,
        check="containers",
        what=("the container batchmgr-events is missing",),
        remedy=("Start the app again", "az storage container create --name batchmgr-events"),
        mend=restart_the_app,
    ),
    "a missing queue": Broken(
        by=remove_queue,
        check="queues",
        what=("the queue batchmgr-callbacks is missing",),
        remedy=("Start the app again", "az storage queue create --name batchmgr-callbacks"),
        mend=restart_the_app,
    ),
    "callbacks that were given up": Broken(
        by=poison,
        check="poison",
        status=WARNING,
        what=("1 message lies in batchmgr-callbacks-poison", "GET /api/dead-letters", "/redrive"),
        remedy=("az storage message peek --queue-name batchmgr-callbacks-poison",),
    ),
    "finalize blobs that the host has given up": Broken(
        by=give_blobs_up,
        check="poison",
        status=WARNING,
        what=("2 messages lie in webjobs-blobtrigger-poison", "is it running?"),
        remedy=("--queue-name webjobs-blobtrigger-poison",),
    ),
    "connection string and identity at once": Broken(
        by=put("AzureWebJobsStorage__clientId", GUID),
        check="settings",
        status=WARNING,
        what=("AzureWebJobsStorage is set, and so is AzureWebJobsStorage__clientId",),
        remedy=("Remove AzureWebJobsStorage",),
        mend=drop("AzureWebJobsStorage__clientId"),
    ),
    "no Batch endpoint": Broken(
        by=drop("BATCHMGR_BATCH_ENDPOINT"),
        check="settings",
        what=("no Batch account is configured",),
        remedy=("BATCHMGR_BATCH_ENDPOINT", "https://<account>.<region>.batch.azure.com"),
    ),
    "nothing at the Batch endpoint": Broken(
        by=nobody_at_batch,
        check="batch",
        what=("nothing answers at http://127.0.0.1:",),
        remedy=("batchmgr start",),
    ),
    "a Batch endpoint of another service": Broken(
        by=storage_as_batch,
        check="batch",
        what=("is not Azure Batch",),
        remedy=("BATCHMGR_BATCH_ENDPOINT", "az batch account list"),
    ),
    "a Batch endpoint without https": Broken(
        by=put("BATCHMGR_BATCH_ENDPOINT", "http://acct.westeurope.batch.azure.invalid"),
        check="settings",
        what=("begins with http://", "unencrypted"),
        remedy=("https://acct.westeurope.batch.azure.invalid",),
    ),
    "a wrong Batch key": Broken(
        by=put("BATCHMGR_BATCH_KEY", OTHER_KEY),
        check="batch",
        what=("the key is wrong",),
        remedy=("BATCHMGR_BATCH_KEY",),
    ),
    "a Batch key without its account": Broken(
        by=drop("BATCHMGR_BATCH_ACCOUNT"),
        check="settings",
        what=("BATCHMGR_BATCH_KEY is set, but BATCHMGR_BATCH_ACCOUNT is not",),
        remedy=("Set BATCHMGR_BATCH_ACCOUNT",),
    ),
    "no schedule": Broken(
        by=drop("BATCHMGR_POLL_SCHEDULE"),
        check="settings",
        what=("BATCHMGR_POLL_SCHEDULE is missing", "503"),
        remedy=("*/15 * * * * *",),
        mend=put("BATCHMGR_POLL_SCHEDULE", "*/15 * * * * *"),
    ),
    "a schedule that is none": Broken(
        by=put("BATCHMGR_POLL_SCHEDULE", "every 15 seconds please"),
        check="settings",
        what=("'every 15 seconds please'", "NCRONTAB"),
        remedy=("*/15 * * * * *",),
        mend=put("BATCHMGR_POLL_SCHEDULE", "*/15 * * * * *"),
    ),
    "a schedule of the retention that is none": Broken(
        by=put("BATCHMGR_RETENTION_SCHEDULE", "every night"),
        check="settings",
        what=("'every night'", "NCRONTAB", "retention"),
        remedy=("0 30 3 * * *",),
        mend=put("BATCHMGR_RETENTION_SCHEDULE", "0 30 3 * * *"),
    ),
    "a time to keep that is none": Broken(
        by=put("BATCHMGR_KEEP_JOBS", "30 days"),
        check="settings",
        what=("BATCHMGR_KEEP_JOBS is '30 days'",),
        remedy=("P30D", "forever"),
        mend=put("BATCHMGR_KEEP_JOBS", "P30D"),
    ),
    "two wrong settings": Broken(
        by=several(put("BATCHMGR_STALL_LIMIT", "6 hours"), put("BATCHMGR_BLOB_SOURCE", "Polling")),
        check="settings",
        what=("BATCHMGR_BLOB_SOURCE is 'Polling'",),
        remedy=("Set it to EventGrid or LogsAndContainerScan",),
    ),
    "a reference that was not resolved": Broken(
        by=put("BATCHMGR_CALLBACK_KEY", "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/k)"),
        check="settings",
        what=("BATCHMGR_CALLBACK_KEY is a reference to Key Vault",),
        remedy=("set BATCHMGR_CALLBACK_KEY to the secret itself",),
    ),
    "a node identity by its client id": Broken(
        by=put("BATCHMGR_NODE_IDENTITY", GUID),
        check="settings",
        what=("is not the resource id of a user-assigned identity",),
        remedy=("az identity list",),
    ),
    "a misspelt setting": Broken(
        by=write_down("BATCHMGR_POOLID", "local"),
        check="settings",
        status=WARNING,
        what=("BATCHMGR_POOLID is read by nobody: is BATCHMGR_POOL_ID meant?",),
        remedy=("Remove BATCHMGR_POOLID",),
    ),
    "a pool that does not exist": Broken(
        by=put("BATCHMGR_POOL_ID", "hpc"),
        check="pool",
        what=("there is no pool 'hpc'", "rejected"),
        remedy=("There are: local", "Set BATCHMGR_POOL_ID to local", "az batch pool create --id hpc"),
        mend=put("BATCHMGR_POOL_ID", "local"),
    ),
    "a pool without nodes": Broken(
        by=resize(0),
        check="pool",
        what=("The pool 'local' has no nodes, and no autoscale formula",),
        remedy=("az batch pool resize --pool-id local --target-dedicated-nodes 1",),
        mend=resize(1),
    ),
    "a pool that got only some of its nodes": Broken(
        by=pool_with(vmSize="standard_d6000s_v5", targetDedicatedNodes=2),
        check="pool",
        what=("quota",),
        remedy=("az batch pool resize --pool-id broken",),
        status=WARNING,
    ),
    "a pool that got none of its nodes": Broken(
        by=pool_with(vmSize="standard_d20000s_v5"),
        check="pool",
        what=("The pool 'broken' got no nodes", "AccountCoreQuotaReached"),
        remedy=("when the cause is gone: a quota", "az batch pool resize --pool-id broken"),
    ),
    "nodes that take no tasks": Broken(
        by=disable_nodes,
        check="pool",
        what=("No node of pool 'local' can run tasks: 2 offline",),
        remedy=("Reboot, enable or replace", "az batch node reboot --pool-id local --node-id tvm"),
        mend=enable_nodes,
    ),
    "nodes whose start task failed": Broken(
        by=pool_with(startTask={"commandLine": "/bin/sh -c 'exit 3'", "waitForSuccess": True}),
        check="pool",
        what=("1 starttaskfailed", "exit code 3"),
        remedy=("Correct the pool's start task", "--file-path startup/stderr.txt", "az batch node reboot"),
    ),
    "callback hosts that never match": Broken(
        by=put("BATCHMGR_CALLBACK_HOSTS", "https://hooks.example.com/batch"),
        check="callbacks",
        what=("'https://hooks.example.com/batch', which never matches",),
        remedy=("Set BATCHMGR_CALLBACK_HOSTS to hooks.example.com",),
        mend=put("BATCHMGR_CALLBACK_HOSTS", "hooks.example.com"),
    ),
    "callback hosts of anybody": Broken(
        by=put("BATCHMGR_CALLBACK_HOSTS", "*example.com"),
        check="callbacks",
        status=WARNING,
        what=("'*example.com', which allows hosts of anybody",),
        remedy=("Set BATCHMGR_CALLBACK_HOSTS to *.example.com",),
        mend=put("BATCHMGR_CALLBACK_HOSTS", "*.example.com"),
    ),
    "a callback host at a private address": Broken(
        by=put("BATCHMGR_CALLBACK_HOSTS", "10.1.2.3"),
        check="callbacks",
        what=("'10.1.2.3', which is no public address",),
        remedy=("Set BATCHMGR_CALLBACK_NETWORKS to 10.1.2.3/32",),
        mend=put("BATCHMGR_CALLBACK_NETWORKS", "10.1.2.3/32"),
    ),
    "callback networks that are not private": Broken(
        by=put("BATCHMGR_CALLBACK_NETWORKS", "0.0.0.0/0"),
        check="settings",
        what=("'0.0.0.0/0', which is no private network",),
        remedy=("Name a part of 10.0.0.0/8",),
        mend=drop("BATCHMGR_CALLBACK_NETWORKS"),
    ),
    "no callback hosts": Broken(
        by=put("BATCHMGR_CALLBACK_HOSTS", ""),
        check="callbacks",
        status=WARNING,
        what=("BATCHMGR_CALLBACK_HOSTS is empty",),
        remedy=("*.datafactory.azure.com",),
        mend=drop("BATCHMGR_CALLBACK_HOSTS"),
    ),
    "the worker exports to nowhere": Broken(
        by=put(BY_WORKER, "true"),
        check="telemetry",
        what=(f"{BY_WORKER} is true, but {INSIGHTS} is missing", "lost"),
        remedy=("az monitor app-insights component show",),
        mend=put(INSIGHTS, f"InstrumentationKey={GUID}"),
    ),
    "batchmgr exports to nowhere": Broken(
        by=put(BY_BATCHMGR, "1"),
        check="telemetry",
        what=(f"{BY_BATCHMGR} is true, but nothing says where",),
        remedy=(INSIGHTS, "OTEL_EXPORTER_OTLP_ENDPOINT"),
        mend=put("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318"),
    ),
    "two exporters": Broken(
        by=several(
            put(BY_WORKER, "true"), put(BY_BATCHMGR, "true"), put(INSIGHTS, f"InstrumentationKey={GUID}")
        ),
        check="telemetry",
        status=WARNING,
        what=("both would export",),
        remedy=(f"Remove {BY_BATCHMGR}",),
        mend=drop(BY_BATCHMGR),
    ),
    "a connection string that ends with a semicolon": Broken(
        by=several(put(BY_WORKER, "true"), put(INSIGHTS, f"InstrumentationKey={GUID};")),
        check="telemetry",
        what=(f"{INSIGHTS} is not a list of name=value",),
        remedy=(INSIGHTS,),
        mend=put(INSIGHTS, f"InstrumentationKey={GUID}"),
    ),
    "an authentication string that ends with a semicolon": Broken(
        by=put("APPLICATIONINSIGHTS_AUTHENTICATION_STRING", "Authorization=AAD;"),
        check="telemetry",
        what=("goes on without an identity",),
        remedy=("to Authorization=AAD,",),
        mend=put("APPLICATIONINSIGHTS_AUTHENTICATION_STRING", "Authorization=AAD"),
    ),
}
