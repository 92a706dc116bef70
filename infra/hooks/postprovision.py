"""azd runs this after `azd provision`: it makes the key that callbacks are signed with, once."""

import hook
from arm import Arm
from callback_key import make_callback_key


def _work(arm: Arm) -> str:
    is_new = make_callback_key(
        arm, vault_id=hook.variable("BATCHMGR_KEY_VAULT_ID"), app_id=hook.variable("BATCHMGR_FUNCTION_APP_ID")
    )
    return f"The key of callbacks {'has been made' if is_new else 'is there'}."


if __name__ == "__main__":
    hook.run(_work)
