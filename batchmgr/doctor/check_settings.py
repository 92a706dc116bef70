"""The settings themselves: missing, wrong, contradictory, left over. Nothing is called."""

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from urllib.parse import urlsplit

from batchmgr.doctor.finding import Finding, Status, fine, warning, wrong
from batchmgr.doctor.remedies import Remedies
from batchmgr.errors import SettingsError
from batchmgr.model.network_addresses import is_loopback
from batchmgr.settings import RETENTION_SCHEDULE, SCHEDULE, STORAGE, Settings

CHECK = "settings"
OWN = frozenset(
    {
        "BATCHMGR_ALLOW_LOOPBACK_CALLBACKS",
        "BATCHMGR_BATCH_ACCOUNT",
        "BATCHMGR_BATCH_ENDPOINT",
        "BATCHMGR_BATCH_KEY",
        "BATCHMGR_BLOB_SOURCE",
        "BATCHMGR_BODY_LIMIT_MIB",
        "BATCHMGR_CALLBACK_ATTEMPTS",
        "BATCHMGR_CALLBACK_HOSTS",
        "BATCHMGR_CALLBACK_KEY",
        "BATCHMGR_CALLBACK_NETWORKS",
        "BATCHMGR_CALLBACK_PORTS",
        "BATCHMGR_CONTAINERS",
        "BATCHMGR_DATA_STORAGE",
        "BATCHMGR_NODE_IDENTITY",
        "BATCHMGR_POLL_SCHEDULE",
        "BATCHMGR_POOL_ID",
        "BATCHMGR_FAIR_SHARE",
        "BATCHMGR_PRICES",
        "BATCHMGR_EVENT_TOPIC",
        "BATCHMGR_KEEP_BATCH_JOBS",
        "BATCHMGR_KEEP_JOBS",
        "BATCHMGR_KEEP_MESSAGES",
        "BATCHMGR_KEEP_TASK_FILES",
        "BATCHMGR_RETENTION_SCHEDULE",
        "BATCHMGR_STALL_LIMIT",
        "BATCHMGR_WORKLOADS",
    }
)
"""The names of batchmgr's settings. Another name with this prefix is read by nobody."""

KEY_VAULT = "@Microsoft.KeyVault("
NODE_IDENTITY = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.ManagedIdentity"
    r"/userAssignedIdentities/[^/]+",
    re.IGNORECASE,
)
_CRON_FIELD = re.compile(r"[\d*/,A-Za-z-]+")
_TIMESPAN = re.compile(r"(\d+\.)?\d{1,2}:\d{2}(:\d{2}(\.\d{1,7})?)?")
_ACCOUNT_HOST = re.compile(r"(?P<account>[a-z0-9]{3,24})\.[a-z0-9]+\.batch\.azure\.\w+")


def check_settings(
    environment: Mapping[str, str], listed: Collection[str], remedies: Remedies
) -> tuple[Settings, list[Finding]]:
    """Return the settings, without the values that are wrong, and what is to be said about them.

    `listed` are the names that were written down for this app: among these, leftovers are looked for.
    """
    settings, findings = _parse(environment, remedies)
    findings += _missing(settings, environment, remedies)
    findings += _retention(settings, remedies)
    findings += _contradictions(settings, environment, remedies)
    findings += _leftovers(listed, remedies)
    if not any(finding.status is Status.WRONG for finding in findings):
        count = sum(name in OWN or name.startswith(STORAGE) for name in environment)
        findings.insert(0, fine(CHECK, f"{count} settings, from {remedies.source}"))
    return settings, findings


def is_local(settings: Settings) -> bool:
    """Return whether Azure Batch is stood in for on this machine."""
    return is_loopback(urlsplit(settings.batch_endpoint).hostname or "")


def batch_account(settings: Settings) -> str:
    """Return the name of the Batch account, or ""."""
    host = urlsplit(settings.batch_endpoint).hostname or ""
    found = _ACCOUNT_HOST.fullmatch(host)
    return settings.batch_account or (found["account"] if found else "")


def _parse(environment: Mapping[str, str], remedies: Remedies) -> tuple[Settings, list[Finding]]:
    """Parse, and leave out each value that is wrong, so that one mistake does not hide the others."""
    kept, findings = dict(environment), []
    for name in sorted(OWN & kept.keys()):
        if kept[name].startswith(KEY_VAULT):
            # In Azure the setting shows its reference; the app itself gets the secret.
            del kept[name]
            if not remedies.app_id:
                findings.append(
                    wrong(
                        CHECK,
                        f"{name} is a reference to Key Vault that was not resolved",
                        f"On this machine, set {name} to the secret itself.",
                    )
                )
    while True:
        try:
            return Settings.from_environment(kept), findings
        except SettingsError as error:
            name = str(error).partition(" ")[0]
            if kept.pop(name, None) is None:
                raise
            what, _, remedy = str(error).partition(": ")
            findings.append(wrong(CHECK, what, f"{remedy[:1].upper()}{remedy[1:]}, in {remedies.source}."))


def _missing(settings: Settings, environment: Mapping[str, str], remedies: Remedies) -> Iterator[Finding]:
    has_uris = bool(settings.blob_service_uri), bool(settings.queue_service_uri)
    if not settings.storage_connection_string and not any(has_uris):
        yield wrong(
            CHECK,
            "no storage account is configured: nothing can be stored, and the host does not start",
            remedies.set(f"{STORAGE}__accountName", "<storage account>", " (with an identity)")
            + f"\nOr set {STORAGE} to a connection string; UseDevelopmentStorage=true is Azurite.",
        )
    elif not settings.storage_connection_string and not all(has_uris):
        there, gone = ("blob", "queue") if has_uris[0] else ("queue", "blob")
        yield wrong(
            CHECK,
            f"{STORAGE}__{there}ServiceUri is set, but {STORAGE}__{gone}ServiceUri is not",
            remedies.set(f"{STORAGE}__{gone}ServiceUri", f"https://<account>.{gone}.core.windows.net"),
        )
    if not settings.batch_endpoint:
        yield wrong(
            CHECK,
            "no Batch account is configured",
            remedies.set("BATCHMGR_BATCH_ENDPOINT", "https://<account>.<region>.batch.azure.com"),
        )
    if settings.batch_key and not settings.batch_account:
        yield wrong(
            CHECK,
            "BATCHMGR_BATCH_KEY is set, but BATCHMGR_BATCH_ACCOUNT is not",
            remedies.set("BATCHMGR_BATCH_ACCOUNT", batch_account(settings) or "<Batch account>"),
        )
    schedule = environment.get(SCHEDULE, "").strip()
    if not schedule:
        yield wrong(
            CHECK,
            f"{SCHEDULE} is missing: no job is polled, and the app answers 503",
            remedies.set(SCHEDULE, "*/15 * * * * *", " (every 15 seconds)"),
        )
    elif not _is_schedule(schedule):
        yield wrong(
            CHECK,
            f"{SCHEDULE} is {schedule!r}, which is no NCRONTAB expression of six fields: the host does not "
            "start the poller",
            remedies.set(SCHEDULE, "*/15 * * * * *", " (every 15 seconds)"),
        )


def _retention(settings: Settings, remedies: Remedies) -> Iterator[Finding]:
    if not _is_schedule(settings.retention_schedule):
        yield wrong(
            CHECK,
            f"BATCHMGR_RETENTION_SCHEDULE is {settings.retention_schedule!r}, which is no NCRONTAB "
            "expression of six fields: the host does not start the retention",
            remedies.set("BATCHMGR_RETENTION_SCHEDULE", RETENTION_SCHEDULE, " (every night)"),
        )


def _contradictions(
    settings: Settings, environment: Mapping[str, str], remedies: Remedies
) -> Iterator[Finding]:
    with_identity = sorted(name for name in environment if name.startswith(f"{STORAGE}__"))
    if STORAGE in environment and with_identity:
        used = "the connection string is used" if environment[STORAGE].strip() else "the host takes it"
        yield warning(
            CHECK,
            f"{STORAGE} is set, and so is {with_identity[0]}: {used}, not the identity",
            remedies.remove(STORAGE, ", also if it is empty,") + " Or remove the others.",
        )
    elif settings.identity_client_id and not environment.get(f"{STORAGE}__credential"):
        yield wrong(
            CHECK,
            f"{STORAGE}__clientId is set, but {STORAGE}__credential is not: the Functions host then does not "
            "use the user-assigned identity",
            remedies.set(f"{STORAGE}__credential", "managedidentity"),
        )
    parts = urlsplit(settings.batch_endpoint)
    host = _ACCOUNT_HOST.fullmatch(parts.hostname or "")
    if settings.batch_endpoint and not is_local(settings) and parts.scheme != "https":
        yield wrong(
            CHECK,
            f"BATCHMGR_BATCH_ENDPOINT begins with {parts.scheme}://, which would send tokens unencrypted",
            remedies.set("BATCHMGR_BATCH_ENDPOINT", f"https://{parts.netloc}"),
        )
    if settings.batch_key and host and settings.batch_account not in {"", host["account"]}:
        yield wrong(
            CHECK,
            f"BATCHMGR_BATCH_ACCOUNT is {settings.batch_account!r}, but BATCHMGR_BATCH_ENDPOINT is that of "
            f"{host['account']!r}",
            remedies.set("BATCHMGR_BATCH_ACCOUNT", host["account"]),
        )
    if settings.node_identity and not NODE_IDENTITY.fullmatch(settings.node_identity):
        yield wrong(
            CHECK,
            "BATCHMGR_NODE_IDENTITY is not the resource id of a user-assigned identity: "
            f"{settings.node_identity!r}",
            remedies.set(
                "BATCHMGR_NODE_IDENTITY",
                "/subscriptions/…/providers/Microsoft.ManagedIdentity/userAssignedIdentities/…",
            )
            + "\nA client id does not do. To find the resource id:\n"
            "    az identity list --query '[].id' --output tsv",
        )


def _leftovers(listed: Collection[str], remedies: Remedies) -> Iterator[Finding]:
    for name in sorted(listed):
        if not name.startswith("BATCHMGR_") or name in OWN:
            continue
        like = difflib.get_close_matches(name, OWN, n=1, cutoff=0.8)
        meant = f": is {like[0]} meant?" if like else ""
        yield warning(CHECK, f"{name} is read by nobody{meant}", remedies.remove(name))


def _is_schedule(text: str) -> bool:
    fields = text.split()
    if len(fields) == 1:
        return bool(_TIMESPAN.fullmatch(text))
    return len(fields) in {5, 6} and all(_CRON_FIELD.fullmatch(field) for field in fields)
