"""The Event Grid subscription that raises the function `finalize_job` for each finalize blob.

It can't be made before the code runs: the host makes the key of the webhook when it starts, and Event Grid
makes sure that the webhook answers. The host answers 202 for a function that does not exist, and drops the
event: so the name is verified.
"""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from arm import Arm, ArmError, HookError, Pause

SITE_VERSION = "2024-11-01"
TOPIC_VERSION = "2025-02-15"
NAME = "batchmgr-finalize"
FUNCTION = "finalize_job"
CONTAINER = "batchmgr-finalize"
KEY = "blobs_extension"
WAIT_SECONDS = 15 * 60.0
"""How long to wait for the app in all: a first start, and roles that need minutes to reach everywhere."""

LOOK_AGAIN_SECONDS = 10.0
HEALTH_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """What was deployed: the resource ids of the app and of the system topic, and the app's URL."""

    app_id: str
    topic_id: str
    url: str


class Patience:
    """Tries until it works or the time is over. `now` is in seconds."""

    def __init__(
        self,
        *,
        seconds: float = WAIT_SECONDS,
        pause: Pause = time.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pause = pause
        self._now = now
        self._end = now() + seconds

    def goes_on(self) -> bool:
        """Wait until it makes sense to look again. Return False, at once, if the time is over."""
        if self._now() >= self._end:
            return False
        self._pause(LOOK_AGAIN_SECONDS)
        return True


def subscribe(arm: Arm, deployment: Deployment, patience: Patience) -> bool:
    """Make or mend the subscription, and verify it. Return False if it was there already, as it must be.

    Raise HookError: the app has no such function, or does not start; Event Grid can't reach it.
    """
    _wait_for_function(arm, deployment, patience)
    url = _webhook_url(deployment, _wait_for_key(arm, deployment, patience))
    subscription_id = f"{deployment.topic_id}/eventSubscriptions/{NAME}"
    found = arm.find(subscription_id, TOPIC_VERSION)
    if found is not None and _is_right(found) and _full_url(arm, subscription_id) == url:
        return False
    _put(arm, subscription_id, url, patience)
    if _full_url(arm, subscription_id) != url:
        raise HookError(f"{subscription_id} has another URL than was set: run the hook again")
    return True


def wait_until_healthy(arm: Arm, deployment: Deployment, patience: Patience) -> None:
    """Wait until `GET /api/health` answers 200. Raise HookError with what is wrong, which a key shows."""
    while True:
        status, said = _health(deployment.url)
        if status == 200:
            return
        if not patience.goes_on():
            if key := _keys(arm, deployment).get("functionKeys", {}).get("default"):
                _, said = _health(deployment.url, str(key))
            raise HookError(f"{deployment.url}/api/health answers {status or 'nothing'}: {said}")


def _wait_for_function(arm: Arm, deployment: Deployment, patience: Patience) -> None:
    while True:
        _health(deployment.url)  # wakes the app: it lists its functions and makes its keys when it starts
        listed = arm.get(f"{deployment.app_id}/functions", SITE_VERSION).get("value", [])
        names = [str(function["name"]).rpartition("/")[2] for function in listed]
        if FUNCTION in names:
            return
        if not patience.goes_on():
            raise HookError(
                f"the app has no function {FUNCTION}, and events for it would be lost. It has: "
                f"{', '.join(sorted(names)) or 'none. Look at the log of the deployment'}"
            )


def _wait_for_key(arm: Arm, deployment: Deployment, patience: Patience) -> str:
    while True:
        if key := _keys(arm, deployment).get("systemKeys", {}).get(KEY):
            return str(key)
        if not patience.goes_on():
            raise HookError(
                f"the app has no key {KEY}: it does not start. {deployment.url}/api/health may say why"
            )
        _health(deployment.url)


def _keys(arm: Arm, deployment: Deployment) -> dict[str, dict[str, str]]:
    """Return the keys of the app by kind and name: none as long as the host has not started."""
    try:
        keys = arm.call("POST", f"{deployment.app_id}/host/default/listkeys", SITE_VERSION)
    except ArmError as error:
        if error.status not in (400, 404):
            raise
        return {}
    return {kind: named for kind, named in keys.items() if isinstance(named, dict)}


def _webhook_url(deployment: Deployment, key: str) -> str:
    query = urlencode({"functionName": f"Host.Functions.{FUNCTION}", "code": key})
    return f"{deployment.url}/runtime/webhooks/blobs?{query}"


def _put(arm: Arm, subscription_id: str, url: str, patience: Patience) -> None:
    """Write the subscription. Event Grid calls the webhook meanwhile: if it does not answer, try again."""
    while True:
        try:
            arm.call("PUT", subscription_id, TOPIC_VERSION, {"properties": _properties(url)})
            state = _settled_state(arm, subscription_id, patience)
            if state == "Succeeded":
                return
            why = f"its state is {state}"
        except ArmError as error:
            if error.status != 400:
                raise
            why = str(error).replace(url, "the webhook")
        if not patience.goes_on():
            raise HookError(f"Event Grid does not take the subscription {NAME}: {why}")


def _settled_state(arm: Arm, subscription_id: str, patience: Patience) -> str:
    while True:
        found = arm.get(subscription_id, TOPIC_VERSION)
        state = str(found.get("properties", {}).get("provisioningState", ""))
        if state in ("Succeeded", "Failed", "Canceled") or not patience.goes_on():
            return state


def _properties(url: str) -> dict[str, Any]:
    return {
        "destination": {
            "endpointType": "WebHook",
            "properties": {"endpointUrl": url, "maxEventsPerBatch": 1, "preferredBatchSizeInKilobytes": 64},
        },
        "eventDeliverySchema": "EventGridSchema",
        "filter": {
            "includedEventTypes": ["Microsoft.Storage.BlobCreated"],
            "subjectBeginsWith": f"/blobServices/default/containers/{CONTAINER}/",
            "subjectEndsWith": ".json",
        },
        "retryPolicy": {"maxDeliveryAttempts": 30, "eventTimeToLiveInMinutes": 1440},
    }


def _is_right(found: dict[str, Any]) -> bool:
    """Return whether a subscription is as it must be, but for its URL, which is a secret and not in here."""
    properties = found.get("properties", {})
    wanted = _properties("")
    same_filter = all(
        properties.get("filter", {}).get(key) == value for key, value in wanted["filter"].items()
    )
    return (
        properties.get("provisioningState") == "Succeeded"
        and properties.get("destination", {}).get("endpointType") == "WebHook"
        and properties.get("eventDeliverySchema") == wanted["eventDeliverySchema"]
        and same_filter
    )


def _full_url(arm: Arm, subscription_id: str) -> str:
    return str(arm.call("POST", f"{subscription_id}/getFullUrl", TOPIC_VERSION).get("endpointUrl", ""))


def _health(url: str, key: str = "") -> tuple[int, str]:
    """Return the status of the health check, 0 without an answer, and what is wrong, which a key shows."""
    path, headers = ("/details", {"x-functions-key": key}) if key else ("", {})
    request = urllib.request.Request(f"{url}/api/health{path}", headers=headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=HEALTH_SECONDS) as answer:  # noqa: S310
            return answer.status, ""
    except urllib.error.HTTPError as error:
        with error:
            text = error.read().decode(errors="replace")
        try:
            return error.code, json.dumps(json.loads(text)["checks"])
        except (ValueError, KeyError, TypeError):
            return error.code, text[:500]
    except OSError as error:
        return 0, str(error)
