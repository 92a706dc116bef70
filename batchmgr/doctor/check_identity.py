"""Whether tokens can be had, and of whom they are."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError

from batchmgr.adapters.service_errors import token_claims, why_no_token, without_secrets
from batchmgr.bootstrap import open_identity
from batchmgr.doctor.finding import Finding, fine, unknown, wrong
from batchmgr.doctor.remedies import Remedies
from batchmgr.settings import STORAGE, Settings

CHECK = "identity"
STORAGE_TOKENS = "https://storage.azure.com/.default"
TOPIC_TOKENS = "https://eventgrid.azure.net/.default"
BATCH_TOKENS = "https://batch.core.windows.net/.default"
SECONDS = 8.0


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who calls. `is_app`: it is the app's own identity; else, what it may do says nothing of the app."""

    name: str = "a key"
    object_id: str = ""
    is_app: bool = True
    without_token: frozenset[str] = frozenset()
    """The kinds of services for which there is no token: `storage`, `batch`, `event topic`."""


async def check_identity(
    settings: Settings, environment: Mapping[str, str], remedies: Remedies
) -> tuple[Caller, list[Finding]]:
    """Get the tokens that the app needs. Return of whom they are, and what is to be said."""
    wanted = {
        "storage": STORAGE_TOKENS if not settings.storage_connection_string else "",
        "batch": BATCH_TOKENS if not settings.batch_key else "",
        "event topic": TOPIC_TOKENS if settings.event_topic else "",
    }
    needed = {name: scope for name, scope in wanted.items() if scope}
    if not needed:
        return Caller(), [fine(CHECK, "none is needed: storage and Azure Batch are accessed with keys")]
    has_endpoint = "IDENTITY_ENDPOINT" in environment and not remedies.app_id
    source = "ManagedIdentity" if has_endpoint else "AzureCli"
    async with AsyncExitStack() as stack:
        credential = await open_identity(settings, stack)
        found = await asyncio.gather(*(_claims(credential, scope, source) for scope in needed.values()))
    known = [one for one in found if not isinstance(one, str)]
    caller = _caller(known[0], settings, has_endpoint=has_endpoint) if known else Caller(name="nobody")
    problems = {name: one for name, one in zip(needed, found, strict=True) if isinstance(one, str)}
    if not problems:
        yours = "" if caller.is_app else " (not the app)"
        return caller, [fine(CHECK, f"tokens for {' and '.join(needed)}, of {caller.name}{yours}")]
    remedy = _managed(settings, remedies) if has_endpoint else "Sign in:\n    az login"
    why = "; ".join(dict.fromkeys(problems.values()))
    what = f"there is no token for {' and '.join(problems)}: {why}"
    told = unknown(CHECK, what, remedy) if remedies.app_id else wrong(CHECK, what, remedy)
    return replace(caller, without_token=frozenset(problems)), [told]


async def _claims(credential: AsyncTokenCredential, scope: str, source: str) -> Mapping[str, Any] | str:
    """Return what the token says, or why there is none."""
    try:
        async with asyncio.timeout(SECONDS):
            token = await credential.get_token(scope)
    except ClientAuthenticationError as error:
        return why_no_token(error, source)
    except AzureError as error:
        return without_secrets(f"who gives out tokens can't be reached: {error.message}")
    except TimeoutError:
        return f"nobody has answered in {SECONDS:.0f} s"
    return token_claims(token.token)


def _caller(claims: Mapping[str, Any], settings: Settings, *, has_endpoint: bool) -> Caller:
    client_id = settings.identity_client_id.lower()
    is_app = has_endpoint or bool(client_id and str(claims.get("appid", "")).lower() == client_id)
    of_app = f"the identity with client id {claims['appid']}" if claims.get("appid") else "somebody"
    name = str(claims.get("upn") or of_app)
    return Caller(name=name, object_id=str(claims.get("oid", "")), is_app=is_app)


def _managed(settings: Settings, remedies: Remedies) -> str:
    if settings.identity_client_id:
        return (
            f"{STORAGE}__clientId must be the client id of an identity that the app has. Which has it?\n"
            f"    az functionapp identity show --ids {remedies.app_id or '<resource id of the app>'}"
        )
    return (
        "Give the app an identity:\n"
        f"    az functionapp identity assign --ids {remedies.app_id or '<resource id of the app>'}"
    )
