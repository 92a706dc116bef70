"""The Event Grid subscription by which the app notices finalize blobs."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from batchmgr.doctor.azure_app import Site
from batchmgr.doctor.finding import Finding, Status, fine, unknown, warning, wrong
from batchmgr.doctor.resource_manager import ResourceManager
from batchmgr.errors import ServiceError
from batchmgr.plan.file_specifications import FINALIZE_CONTAINER

CHECK = "event grid"
VERSION = "2025-02-15"
METRICS = "2023-10-01"
FUNCTION = "Host.Functions.finalize_job"
CREATED = "Microsoft.Storage.BlobCreated"
SUBJECT = f"/blobServices/default/containers/{FINALIZE_CONTAINER}/"
FAILURES = ("DeliveryAttemptFailCount", "DroppedEventCount", "DeadLetteredCount")
LATER = "no job is lost: the poller finalizes them half a minute later"
MEND = "Write the subscription anew:\n    azd hooks run postdeploy"


async def check_events(arm: ResourceManager, site: Site, storage_id: str) -> list[Finding]:
    """Return whether finalize blobs of the storage account raise the app's function."""
    topics = await arm.list(
        f"/subscriptions/{site.subscription}/providers/Microsoft.EventGrid/systemTopics", VERSION
    )
    topic = next((one for one in topics if _source(one) == storage_id.lower()), None)
    if topic is None:
        return [
            wrong(
                CHECK,
                f"the storage account has no Event Grid system topic in this subscription; {LATER}",
                "Make it, and the subscription:\n    azd provision\n    azd hooks run postdeploy",
            )
        ]
    topic_id = str(topic["id"])
    found = await arm.list(f"{topic_id}/eventSubscriptions", VERSION)
    ours = [one for one in found if _is_about_finalize_blobs(one)]
    if not ours:
        names = ", ".join(str(one["name"]) for one in found) or "none"
        return [
            wrong(
                CHECK,
                f"no event subscription is about blobs in {FINALIZE_CONTAINER} (there is: {names}); {LATER}",
                MEND,
            )
        ]
    findings = [finding for one in ours for finding in await _subscription(arm, one, site)]
    if any(one.status is Status.FINE for one in findings):  # one that is right is enough
        findings = [one for one in findings if one.status is not Status.WRONG]
    return [*findings, *await _deliveries(arm, topic_id)]


async def _subscription(arm: ResourceManager, found: dict[str, Any], site: Site) -> list[Finding]:
    name, properties = found["name"], found["properties"]
    chosen = properties.get("filter") or {}
    begins, ends = str(chosen.get("subjectBeginsWith") or ""), str(chosen.get("subjectEndsWith") or "")
    types = chosen.get("includedEventTypes")
    state = str(properties.get("provisioningState", ""))
    if state not in {"Succeeded", ""}:
        return [wrong(CHECK, f"the event subscription {name} is in the state {state}; {LATER}", MEND)]
    if types is not None and CREATED not in types:
        return [wrong(CHECK, f"the event subscription {name} leaves out {CREATED}; {LATER}", MEND)]
    if not SUBJECT.startswith(begins) or not ".json".endswith(ends):
        what = f"the filter of the event subscription {name} lets no finalize blob through: {begins}…{ends}"
        return [wrong(CHECK, f"{what}; {LATER}", MEND)]
    try:
        url = str((await arm.post(f"{found['id']}/getFullUrl", VERSION)).get("endpointUrl", ""))
    except ServiceError as error:
        return [unknown(CHECK, f"the webhook of {name} can't be read: {error}")]
    parts = urlsplit(url)
    function = parse_qs(parts.query).get("functionName", [""])[0]
    if function != FUNCTION:
        return [
            wrong(
                CHECK,
                f"the event subscription {name} calls the function {function!r}, and the host drops every "
                f"event for it without a word; {LATER}",
                f"It must be {FUNCTION}. {MEND}",
            )
        ]
    if parts.netloc.lower() != urlsplit(site.url).netloc.lower():
        what = f"the event subscription {name} calls {parts.netloc}, which is not this app; {LATER}"
        return [wrong(CHECK, what, MEND)]
    return [fine(CHECK, f"{name} raises finalize_job for each blob in {FINALIZE_CONTAINER}")]


async def _deliveries(arm: ResourceManager, topic_id: str) -> list[Finding]:
    """Return what failed in the last hour."""
    end = datetime.now(UTC).replace(microsecond=0)
    query = {
        "metricnames": ",".join(FAILURES),
        "timespan": f"{_text(end - timedelta(hours=1))}/{_text(end)}",
        "aggregation": "Total",
    }
    try:
        metrics = await arm.list(f"{topic_id}/providers/Microsoft.Insights/metrics", METRICS, query)
    except ServiceError as error:
        return [unknown("deliveries", f"the metrics of Event Grid can't be read: {error}")]
    counts = {str(one["name"]["value"]): _total(one) for one in metrics}
    failed = {name: count for name, count in counts.items() if count and name in FAILURES}
    if not failed:
        return [fine("deliveries", "no event failed in the last hour")]
    listed = ", ".join(f"{name} {count:.0f}" for name, count in failed.items())
    return [
        warning(
            "deliveries",
            f"events were not delivered in the last hour: {listed}; {LATER}",
            "The webhook's key may have changed, or access restrictions keep Event Grid out. " + MEND,
        )
    ]


def _source(topic: dict[str, Any]) -> str:
    return str(topic.get("properties", {}).get("source", "")).lower()


def _is_about_finalize_blobs(found: dict[str, Any]) -> bool:
    """Return whether a subscription is meant for finalize blobs: by its filter, or by its name."""
    chosen = found.get("properties", {}).get("filter") or {}
    return FINALIZE_CONTAINER in f"{chosen.get('subjectBeginsWith') or ''} {found.get('name', '')}"


def _total(metric: dict[str, Any]) -> float:
    series = metric.get("timeseries") or []
    return float(sum(point.get("total") or 0 for one in series for point in one.get("data") or []))


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
