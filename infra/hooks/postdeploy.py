"""azd runs this after `azd deploy`: it subscribes the app to finalize blobs, and waits until it is well."""

import hook
from arm import Arm
from event_subscription import Deployment, Patience, subscribe, wait_until_healthy


def _work(arm: Arm) -> str:
    deployment = Deployment(
        app_id=hook.variable("BATCHMGR_FUNCTION_APP_ID"),
        topic_id=hook.variable("BATCHMGR_SYSTEM_TOPIC_ID"),
        url=hook.variable("BATCHMGR_URL").rstrip("/"),
    )
    patience = Patience()
    is_changed = subscribe(arm, deployment, patience)
    wait_until_healthy(arm, deployment, patience)
    state = "has been written" if is_changed else "is there already"
    return f"The subscription to finalize blobs {state}. {deployment.url} is healthy."


if __name__ == "__main__":
    hook.run(_work)
