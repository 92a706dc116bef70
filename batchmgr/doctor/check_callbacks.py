"""The hosts that may be called back, and the key of the signature. Nothing is called."""

import re
from collections.abc import Iterator
from ipaddress import ip_address

from batchmgr.doctor.check_settings import is_local
from batchmgr.doctor.finding import Finding, fine, warning, wrong
from batchmgr.doctor.remedies import Remedies
from batchmgr.settings import DEFAULT_CALLBACK_HOSTS, Settings

CHECK = "callbacks"
HOSTS = "BATCHMGR_CALLBACK_HOSTS"
NETWORKS = "BATCHMGR_CALLBACK_NETWORKS"
LOOPBACK = "BATCHMGR_ALLOW_LOOPBACK_CALLBACKS"
_HOST = re.compile(r"[a-z0-9*?_\[\]!-]+(\.[a-z0-9*?_\[\]!-]+)*", re.IGNORECASE)


def check_callbacks(settings: Settings, *, has_key: bool, remedies: Remedies) -> list[Finding]:
    """Return what is to be said. `has_key`: a key is set, also if its value can't be seen from here."""
    findings = [*_hosts(settings, remedies), *_security(settings, has_key, remedies)]
    if not findings:
        allowed = ", ".join(settings.callback_hosts) or "this machine"
        signed = "signed" if has_key else "not signed"
        findings.append(fine(CHECK, f"to {allowed}; {signed}"))
    return findings


def _hosts(settings: Settings, remedies: Remedies) -> Iterator[Finding]:
    if not settings.callback_hosts and not settings.allow_loopback_callbacks:
        yield warning(
            CHECK,
            f"{HOSTS} is empty: every job with a callBackUri is refused",
            remedies.set(HOSTS, DEFAULT_CALLBACK_HOSTS, " (Data Factory)"),
        )
    for pattern in settings.callback_hosts:
        if not _can_match(pattern):
            yield wrong(
                CHECK,
                f"{HOSTS} has {pattern!r}, which never matches: it is compared with the name of the host "
                "alone",
                remedies.set(HOSTS, _corrected(pattern), ", without scheme, port and path"),
            )
        elif _is_never_called(pattern, settings):
            yield wrong(
                CHECK,
                f"{HOSTS} has {pattern!r}, which is no public address: nothing is called there",
                remedies.set(
                    NETWORKS, f"{pattern}/{ip_address(pattern).max_prefixlen}", ", if it is private"
                ),
            )
        elif pattern == "*" or (pattern.startswith("*") and not pattern.startswith("*.")):
            yield warning(
                CHECK,
                f"{HOSTS} has {pattern!r}, which allows hosts of anybody",
                remedies.set(HOSTS, f"*.{pattern.lstrip('*') or 'example.com'}", ", with a dot"),
            )


def _is_never_called(pattern: str, settings: Settings) -> bool:
    """Return whether this is an address that the settings don't let anybody connect to."""
    try:
        return not settings.callback_rules.allows(ip_address(pattern))
    except ValueError:
        return False


def _security(settings: Settings, has_key: bool, remedies: Remedies) -> Iterator[Finding]:
    if is_local(settings):
        return
    if settings.allow_loopback_callbacks:
        yield warning(
            CHECK,
            f"{LOOPBACK} is true in Azure: a job may call what listens on the app's own machine",
            remedies.remove(LOOPBACK),
        )
    if not has_key:
        yield warning(
            CHECK,
            "callbacks are not signed: a receiver can't tell who sent them",
            'Make a key, and set BATCHMGR_CALLBACK_KEY to it:\n    echo "whsec_$(openssl rand -base64 32)"',
        )


def _can_match(pattern: str) -> bool:
    if _HOST.fullmatch(pattern):
        return True
    try:
        ip_address(pattern)
    except ValueError:
        return False
    return True


def _corrected(pattern: str) -> str:
    host = re.sub(r"^[a-z]+://", "", pattern, flags=re.IGNORECASE)
    host = host.partition("/")[0].partition(":")[0].strip(". ")
    host = f"*.{host}" if pattern.startswith(".") else host
    return host if host and _HOST.fullmatch(host) else "<host>"
