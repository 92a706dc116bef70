"""What is said of a service that does not let the caller do something."""

from batchmgr.doctor.check_identity import Caller
from batchmgr.doctor.finding import Finding, unknown, wrong
from batchmgr.errors import ServiceAccessError, ServiceBusyError, ServiceError

NO_KEYS = frozenset({"KeyBasedAuthenticationNotPermitted"})
NETWORK = frozenset({"AuthorizationFailure", "IpAuthorizationFailed"})
"""Codes for a caller whose address the firewall of the account does not let through."""


def refused(
    check: str,
    error: ServiceError,
    caller: Caller,
    what: str,
    command: str,
    role: str,
    on: str = "the whole account",
) -> Finding:
    """Return what is to be said if `what` was refused. `command` gives the caller its `role`."""
    text = str(error).partition(" (called by")[0]  # who calls, and the role, are said here
    if error.code in NETWORK and "failed to authenticate" not in text:  # Azurite's code for a wrong key
        return _network(check, text, caller)
    if not isinstance(error, ServiceAccessError):
        return _failed(check, error)
    if caller.name == "a key":
        if error.code in NO_KEYS:
            return wrong(
                check,
                f"the account takes no keys: {text}",
                "Use an identity: remove the key, or the connection string, and give the app an identity "
                "(docs/deploy.md).",
            )
        return wrong(
            check,
            f"the key is wrong, or the clock of this machine: {text}",
            f"Set the key anew. If it was renewed in Azure, take the new one ({_key_setting(check)}).",
        )
    if not caller.is_app:
        return unknown(
            check,
            f"{caller.name} may not {what}, who is not the app. The app may have the role {role}",
            f"To look for yourself:\n{command}",
        )
    return wrong(
        check,
        f"{caller.name} may not {what}: it lacks the role {role} on {on}",
        f"Give it the role. It takes effect within minutes:\n{command}",
    )


def _network(check: str, text: str, caller: Caller) -> Finding:
    remedy = "Let this address through the account's firewall, or run the command inside of its network."
    if caller.is_app:
        return wrong(check, f"the account's firewall refuses the call: {text}", remedy)
    return unknown(check, "the account's firewall refuses this machine", remedy)


def _failed(check: str, error: ServiceError) -> Finding:
    if isinstance(error, ServiceBusyError) and error.status >= 500:
        return wrong(check, str(error), "Wait, and look again: the service itself has failed.")
    return wrong(check, str(error), "Does the setting name the right account and service?")


def _key_setting(check: str) -> str:
    if check == "batch":
        return "BATCHMGR_BATCH_KEY"
    return f"the AccountKey in {'BATCHMGR_DATA_STORAGE' if check == 'data' else 'AzureWebJobsStorage'}"
