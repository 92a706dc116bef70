"""What both hooks have in common: variables of the azd environment, the sign-in, how an error is told."""

import os
import sys
from collections.abc import Callable

from arm import ENDPOINT, Arm, HookError, sign_in


def run(work: Callable[[Arm], str]) -> None:
    """Do the work of a hook and print what it returns. If it can't be done, exit with 1 and one line."""
    endpoint = os.environ.get("BATCHMGR_ARM_ENDPOINT", ENDPOINT)
    try:
        print(work(Arm(sign_in(endpoint), endpoint=endpoint)))
    except HookError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None


def variable(name: str) -> str:
    """Return an output of the template. azd gives it to hooks. Raise HookError if it is missing."""
    if value := os.environ.get(name, ""):
        return value
    raise HookError(f"{name} is not set: run azd provision first, and the hook with azd hooks run")
