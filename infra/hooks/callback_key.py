"""The key that callbacks are signed with: made once, and kept in Key Vault."""

import base64
import secrets

from arm import Arm

VAULT_VERSION = "2024-11-01"
SITE_VERSION = "2024-11-01"
NAME = "callback-key"


def make_callback_key(arm: Arm, *, vault_id: str, app_id: str) -> bool:
    """Make the key, unless it is there. Return whether it was made.

    The secret is written through Azure Resource Manager: that works for a vault in a private network too, and
    needs no role on its data. The app setting that refers to it was resolved before the key was there: it is
    resolved again; also if the key exists, since an earlier run may have stopped in between.
    """
    secret = f"{vault_id}/secrets/{NAME}"
    is_new = arm.find(secret, VAULT_VERSION) is None
    if is_new:
        # 32 random bytes, as Standard Webhooks writes them.
        value = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        arm.call("PUT", secret, VAULT_VERSION, {"properties": {"value": value}})
    arm.call("POST", f"{app_id}/config/configreferences/appsettings/refresh", SITE_VERSION)
    return is_new
