"""Apps in Azure in which something is broken: how, and what the doctor is to say."""

from azure.batch import models

from batchmgr.doctor.azure_roles import IDS
from batchmgr.doctor.finding import Status
from tests.doctor.azure import (
    APP,
    BATCH,
    CLIENT_ID,
    EVENT_TOPIC,
    EVENTS,
    NODES,
    PRINCIPAL,
    SUBSCRIPTION,
    TOPIC,
    assignment,
)
from tests.doctor.broken import Broken, several
from tests.doctor.broken import Step as BrokenStep
from tests.doctor.deployed_app import Deployed

WRONG, WARNING, UNKNOWN = Status.WRONG, Status.WARNING, Status.UNKNOWN
INSIGHTS = f"{SUBSCRIPTION}/resourceGroups/rg-batch/providers/Microsoft.Insights/components/appi-x"
GUID = "00000000-0000-0000-0000-000000000001"

Step = BrokenStep[Deployed]


def resource(path: str, value: object) -> Step:
    def step(app: Deployed) -> None:
        app.azure.resources[path] = value

    return step


def stop(app: Deployed) -> None:
    app.azure.resources[APP]["properties"]["state"] = "Stopped"


def set_filter(**changes: object) -> Step:
    def step(app: Deployed) -> None:
        app.azure.resources[f"{TOPIC}/eventSubscriptions"][0]["properties"]["filter"] |= changes

    return step


def webhook(old: str, new: str) -> Step:
    def step(app: Deployed) -> None:
        told = app.azure.actions[f"{EVENTS}/getFullUrl"]
        told["endpointUrl"] = told["endpointUrl"].replace(old, new)

    return step


def account(**changes: object) -> Step:
    def step(app: Deployed) -> None:
        app.azure.resources[BATCH]["properties"] |= changes

    return step


def health(status: int, body: object) -> Step:
    def step(app: Deployed) -> None:
        app.azure.health = (status, body)

    return step


def setting(name: str, value: str) -> Step:
    def step(app: Deployed) -> None:
        app.set_up.environment[name] = value

    return step


def without_role(role: str) -> Step:
    def step(app: Deployed) -> None:
        app.use_identity()
        for path, listed in app.azure.resources.items():
            if path.endswith("/roleAssignments"):
                app.azure.resources[path] = [
                    one for one in listed if not one["properties"]["roleDefinitionId"].endswith(IDS[role])
                ]

    return step


def role_on_a_container(app: Deployed) -> None:
    app.use_identity()
    path = f"{app.azure.storage_id}/providers/Microsoft.Authorization/roleAssignments"
    confined = f"{app.azure.storage_id}/blobServices/default/containers/batchmgr-jobs"
    app.azure.resources[path][0] = assignment("Storage Blob Data Owner", confined)


def another_identity(app: Deployed) -> None:
    app.use_identity()
    app.set_up.environment["AzureWebJobsStorage__clientId"] = GUID


async def one_active_job_of_one(app: Deployed) -> None:
    job = models.BatchJobCreateOptions(id="j", pool_info=models.BatchPoolInfo(pool_id="local"))
    await app.set_up.batch.create_job(job)
    app.azure.resources[BATCH]["properties"]["activeJobAndJobScheduleQuota"] = 1


def pool_without_the_identity_of_nodes(app: Deployed) -> None:
    app.azure.resources[f"{BATCH}/pools/local"]["identity"] = None
    app.set_up.environment["BATCHMGR_NODE_IDENTITY"] = NODES


def send_events(app: Deployed) -> None:
    app.use_identity()
    app.set_up.environment["BATCHMGR_EVENT_TOPIC"] = "https://job-events.invalid/api/events"


def use_data_account(app: Deployed) -> None:
    app.use_identity()
    app.set_up.environment["BATCHMGR_DATA_STORAGE"] = f"https://{app.azure.storage}data.blob.invalid"


def telemetry_without_its_role(app: Deployed) -> None:
    app.set_up.environment |= {
        "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY": "true",
        "APPLICATIONINSIGHTS_CONNECTION_STRING": f"InstrumentationKey={GUID}",
        "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": f"ClientId={CLIENT_ID};Authorization=AAD",
    }
    components = [{"id": INSIGHTS, "properties": {"InstrumentationKey": GUID}}]
    app.azure.resources[f"{SUBSCRIPTION}/providers/Microsoft.Insights/components"] = components
    app.azure.resources[f"{INSIGHTS}/providers/Microsoft.Authorization/roleAssignments"] = []


BROKEN: dict[str, Broken[Deployed]] = {
    "no such app": Broken(
        by=lambda app: app.azure.resources.pop(APP),
        check="app",
        what=(f"there is no app {APP}",),
        remedy=("azd env get-value BATCHMGR_FUNCTION_APP_ID",),
    ),
    "no right to read it": Broken(
        by=lambda app: app.azure.fail(APP, 403, "AuthorizationFailed"),
        check="app",
        what=("you may not read the app", "AuthorizationFailed"),
        remedy=("az role assignment create --assignee <you>", f"--scope {APP.partition('/providers')[0]}"),
    ),
    "a stopped app": Broken(
        by=stop, check="app", what=("the app is stopped",), remedy=(f"az functionapp start --ids {APP}",)
    ),
    "no function at all": Broken(
        by=resource(f"{APP}/functions", []),
        check="functions",
        what=("no function at all", "could not be indexed"),
        remedy=("azd deploy", "func azure functionapp logstream func-x"),
    ),
    "a function that is missing": Broken(
        by=lambda app: app.azure.resources[f"{APP}/functions"].remove({"name": "func-x/finalize_job"}),
        check="functions",
        what=("the app has no function finalize_job",),
        remedy=("azd deploy",),
    ),
    "an app that says what is wrong": Broken(
        by=health(503, {"status": "unhealthy", "checks": {"storage": "ok", "batch": "403 for the identity"}}),
        check="health",
        what=("the app says of batch: 403 for the identity",),
        remedy=("mends it",),
    ),
    "an app that is not well, and whose keys are not for us": Broken(
        by=several(
            health(503, {"status": "unhealthy", "checks": {"batch": "403 for the identity"}}),
            lambda app: app.azure.fail(f"{APP}/host/default/listkeys", 403, "AuthorizationFailed", times=9),
        ),
        check="health",
        what=("the app says of itself: unhealthy", "keys, which show why, can't be listed from here"),
        remedy=("/api/health/details",),
    ),
    "poison messages that only the app may see": Broken(
        by=health(
            200,
            {"status": "healthy", "checks": {"storage": "ok"}, "poison": {"batchmgr-callbacks-poison": 3}},
        ),
        check="poison",
        status=WARNING,
        what=("batchmgr-callbacks-poison 3",),
        remedy=("/api/dead-letters",),
    ),
    "callbacks to the app's own machine": Broken(
        by=several(lambda app: app.use_identity(), setting("BATCHMGR_ALLOW_LOOPBACK_CALLBACKS", "true")),
        check="callbacks",
        status=WARNING,
        what=("BATCHMGR_ALLOW_LOOPBACK_CALLBACKS is true in Azure",),
        remedy=("az functionapp config appsettings delete",),
    ),
    "no role on Application Insights": Broken(
        by=several(lambda app: app.use_identity(), telemetry_without_its_role),
        check="roles",
        what=("lacks the role Monitoring Metrics Publisher on Application Insights",),
        remedy=(f"--role 'Monitoring Metrics Publisher' --scope {INSIGHTS}",),
    ),
    "no role on the topic of events": Broken(
        by=several(send_events, without_role("EventGrid Data Sender")),
        check="roles",
        what=("the app's identity lacks the role EventGrid Data Sender on job-events",),
        remedy=(f"--assignee {PRINCIPAL} --role 'EventGrid Data Sender' --scope {EVENT_TOPIC}",),
    ),
    "no role on the data account": Broken(
        by=several(without_role("Storage Blob Data Contributor"), use_data_account),
        check="roles",
        what=("the app's identity lacks the role Storage Blob Data Contributor on ", "data"),
        remedy=(
            f"--assignee {PRINCIPAL} --role 'Storage Blob Data Contributor' --scope {SUBSCRIPTION}/",
            "data",
        ),
    ),
    "a topic of another schema": Broken(
        by=several(send_events, resource(EVENT_TOPIC, {"properties": {"inputSchema": "EventGridSchema"}})),
        check="event topic",
        what=("the topic job-events has the schema EventGridSchema, and takes no CloudEvents",),
        remedy=("--input-schema cloudeventschemav1_0", "set BATCHMGR_EVENT_TOPIC to its endpoint"),
    ),
    "other code": Broken(
        by=health(404, "nothing here"),
        check="health",
        what=("answers 404, but not as batchmgr does",),
        remedy=("func azure functionapp logstream func-x",),
    ),
    "a key that was not found": Broken(
        by=resource(
            f"{APP}/config/configreferences/appsettings",
            [
                {
                    "name": "BATCHMGR_CALLBACK_KEY",
                    "properties": {"status": "SecretNotFound", "details": "The secret was not found."},
                }
            ],
        ),
        check="secrets",
        what=("BATCHMGR_CALLBACK_KEY refers to Key Vault, and is not resolved: SecretNotFound",),
        remedy=("Key Vault Secrets User", "az rest --method post"),
    ),
    "an identity that the app does not have": Broken(
        by=another_identity,
        check="app identity",
        what=(f"does not have the identity with client id {GUID}",),
        remedy=(f"az functionapp identity assign --ids {APP}", "not an object id"),
    ),
    "no role on blobs": Broken(
        by=without_role("Storage Blob Data Owner"),
        check="roles",
        what=("the app's identity lacks the role Storage Blob Data Owner",),
        remedy=(f"--assignee {PRINCIPAL} --role 'Storage Blob Data Owner' --scope {SUBSCRIPTION}/",),
    ),
    "no role on queues": Broken(
        by=without_role("Storage Queue Data Contributor"),
        check="roles",
        what=("the app's identity lacks the role Storage Queue Data Contributor",),
        remedy=(f"--assignee {PRINCIPAL} --role 'Storage Queue Data Contributor'",),
    ),
    "no role on Batch": Broken(
        by=without_role("Azure Batch Data Contributor"),
        check="roles",
        what=("lacks the role Azure Batch Data Contributor on devbatchaccount",),
        remedy=(f"--scope {BATCH}",),
    ),
    "a role on one container": Broken(
        by=role_on_a_container,
        check="roles",
        what=("only on a part", "/containers/batchmgr-jobs"),
        remedy=("--role 'Storage Blob Data Owner'",),
    ),
    "no system topic": Broken(
        by=resource(f"{SUBSCRIPTION}/providers/Microsoft.EventGrid/systemTopics", []),
        check="event grid",
        what=("no Event Grid system topic", "half a minute later"),
        remedy=("azd provision",),
    ),
    "no event subscription": Broken(
        by=resource(f"{TOPIC}/eventSubscriptions", []),
        check="event grid",
        what=("no event subscription is about blobs in batchmgr-finalize",),
        remedy=("azd hooks run postdeploy",),
    ),
    "a wrong function in the webhook": Broken(
        by=webhook("finalize_job", "finalise_job"),
        check="event grid",
        what=("calls the function 'Host.Functions.finalise_job'", "drops every event"),
        remedy=("It must be Host.Functions.finalize_job", "azd hooks run postdeploy"),
    ),
    "a webhook of another app": Broken(
        by=webhook("127.0.0.1", "old-app.azurewebsites.net"),
        check="event grid",
        what=("calls old-app.azurewebsites.net",),
        remedy=("azd hooks run postdeploy",),
    ),
    "a filter that lets nothing through": Broken(
        by=set_filter(subjectEndsWith=".txt"),
        check="event grid",
        what=("lets no finalize blob through", ".txt"),
        remedy=("azd hooks run postdeploy",),
    ),
    "a filter of other events": Broken(
        by=set_filter(includedEventTypes=["Microsoft.Storage.BlobDeleted"]),
        check="event grid",
        what=("leaves out Microsoft.Storage.BlobCreated",),
        remedy=("azd hooks run postdeploy",),
    ),
    "deliveries that fail": Broken(
        by=resource(
            f"{TOPIC}/providers/Microsoft.Insights/metrics",
            [{"name": {"value": "DeliveryAttemptFailCount"}, "timeseries": [{"data": [{"total": 7}]}]}],
        ),
        check="deliveries",
        status=WARNING,
        what=("DeliveryAttemptFailCount 7",),
        remedy=("azd hooks run postdeploy",),
    ),
    "a full quota of jobs": Broken(
        by=one_active_job_of_one,
        check="quota of jobs",
        what=("1 of 1 active jobs: the quota is used up",),
        remedy=("az batch job list", "Quotas"),
    ),
    "a quota of no cores": Broken(
        by=account(dedicatedCoreQuotaPerVMFamily=[{"name": "standardDSv5Family", "coreQuota": 0}]),
        check="quota of cores",
        what=("the quota of cores for Standard_D2s_v5 is 0: the pool local gets no node",),
        remedy=("Quotas", "az batch account show --name devbatchaccount --resource-group rg-batch"),
    ),
    "an account that takes no keys": Broken(
        by=account(allowedAuthenticationModes=["AAD"]),
        check="batch",
        what=("takes no keys, and BATCHMGR_BATCH_KEY is set",),
        remedy=("Remove BATCHMGR_BATCH_KEY",),
    ),
    "a pool without the nodes' identity": Broken(
        by=pool_without_the_identity_of_nodes,
        check="node identity",
        what=("does not have the identity of BATCHMGR_NODE_IDENTITY", "It has: none"),
        remedy=("azd provision",),
    ),
    "a setting that Flex refuses": Broken(
        by=setting("WEBSITE_RUN_FROM_PACKAGE", "1"),
        check="settings",
        status=WARNING,
        what=("WEBSITE_RUN_FROM_PACKAGE is refused on Flex Consumption",),
        remedy=(f"az functionapp config appsettings delete --ids {APP}",),
    ),
    "a pool that does not exist": Broken(
        by=setting("BATCHMGR_POOL_ID", "hpc"),
        check="pool",
        what=("there is no pool 'hpc'",),
        remedy=(f"az functionapp config appsettings set --ids {APP} --settings BATCHMGR_POOL_ID=local",),
    ),
}
