"""On a stack without keys: each role is tried, and one that is missing is named with its command."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from batchmgr.devstack.local_identities import APP
from batchmgr.devstack.stack import Stack
from batchmgr.devstack.tcp_ports import free_port
from tests.identity.conftest import azurite, roles, stack
from tests.identity.roles import Roles

__all__ = ["azurite", "roles", "stack"]

pytestmark = pytest.mark.without_keys

BLOBS, QUEUES = "Storage Blob Data Owner", "Storage Queue Data Contributor"
BATCH = "Azure Batch Data Contributor"
OBJECT_ID = "00000000-0000-0000-0000-0b1ec0000001"


@dataclass(frozen=True)
class Ended:
    """How the command has ended."""

    exit_code: int
    findings: list[dict[str, Any]]

    def of(self, check: str) -> dict[str, Any]:
        """Return the finding of a check that is not fine, or else its first."""
        found = [one for one in self.findings if one["check"] == check]
        return next((one for one in found if one["status"] != "fine"), found[0])


async def doctor(stack: Stack, *options: str, **environment: str) -> Ended:
    """Run the command as a user does, with the file that `batchmgr start` has written."""
    command = [sys.executable, "-m", "batchmgr.cli", "doctor", "--settings", stack.endpoints.settings_file]
    process = await asyncio.create_subprocess_exec(
        *command,
        *("-o", "json"),
        *options,
        env=os.environ | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert err == b""
    told = json.loads(out)
    assert told["healthy"] is (process.returncode == 0)
    return Ended(process.returncode or 0, told["findings"])


async def test_a_healthy_stack_without_keys_has_nothing_wrong(stack: Stack) -> None:
    ended = await doctor(stack)
    assert ended.exit_code == 0, ended.findings
    assert {one["status"] for one in ended.findings} == {"fine"}, ended.findings
    assert APP.client_id in ended.of("identity")["what"]
    assert "with the identity of the app" in ended.of("signatures")["what"]


@pytest.mark.parametrize(
    ("role", "check", "kind"),
    [
        (BLOBS, "blobs", "Microsoft.Storage/storageAccounts"),
        (QUEUES, "queues", "Microsoft.Storage/storageAccounts"),
        (BATCH, "batch", "Microsoft.Batch/batchAccounts"),
    ],
)
async def test_a_missing_role_is_named_with_the_command_that_gives_it(
    stack: Stack, roles: Roles, role: str, check: str, kind: str
) -> None:
    before = await roles.now()
    await roles.remove(role)
    ended = await doctor(stack)
    found = ended.of(check)
    assert (ended.exit_code, found["status"]) == (1, "wrong")
    assert f"it lacks the role {role} on the whole account" in found["what"]
    command = found["remedy"].splitlines()[-1].strip()
    assert command.startswith(f"az role assignment create --assignee {OBJECT_ID} --role '{role}' --scope ")
    assert kind in command
    # What the command does, done here.
    await roles.assign(before)
    assert (await doctor(stack)).exit_code == 0


@pytest.mark.parametrize(
    ("weak", "role", "check"),
    [
        ("Storage Blob Data Reader", BLOBS, "blobs"),
        ("Storage Queue Data Reader", QUEUES, "queues"),
    ],
)
async def test_a_role_that_only_reads_is_not_enough(
    stack: Stack, roles: Roles, weak: str, role: str, check: str
) -> None:
    await roles.assign([*(one for one in await roles.now() if one["role"] != role), {"role": weak}])
    ended = await doctor(stack)
    assert (ended.exit_code, ended.of(check)["status"]) == (1, "wrong")
    assert role in ended.of(check)["remedy"]


async def test_a_role_on_containers_alone_gives_no_signatures(stack: Stack, roles: Roles) -> None:
    await roles.confine(BLOBS, "batchmgr-*")
    found = (await doctor(stack)).of("signatures")
    assert found["status"] == "wrong"
    assert "may not make signatures for nodes" in found["what"]
    assert "on the whole account" in found["what"]
    assert BLOBS in found["remedy"]


async def test_a_token_that_can_not_be_had_is_told(stack: Stack, roles: Roles) -> None:
    await roles.withhold_tokens("https://batch.core.windows.net")
    ended = await doctor(stack)
    found = ended.of("identity")
    assert (ended.exit_code, found["status"]) == (1, "wrong")
    assert "there is no token for batch" in found["what"]
    assert "AzureWebJobsStorage__clientId must be the client id" in found["remedy"]
    assert "az functionapp identity show" in found["remedy"]
    assert ended.of("batch")["status"] == "unknown"
    assert ended.of("blobs")["status"] == "fine"


async def test_an_endpoint_for_tokens_that_is_gone_is_told(stack: Stack) -> None:
    ended = await doctor(stack, IDENTITY_ENDPOINT=f"http://127.0.0.1:{free_port()}/msi/token")
    found = ended.of("identity")
    assert (ended.exit_code, found["status"]) == (1, "wrong")
    assert "there is no token for storage and batch" in found["what"]
    assert ended.of("queues")["status"] == "unknown"


async def test_an_identity_that_the_app_does_not_have_is_told(stack: Stack) -> None:
    ended = await doctor(stack, AzureWebJobsStorage__clientId="00000000-0000-0000-0000-00000000dead")
    assert ended.exit_code == 1
    assert "No User Assigned" in ended.of("identity")["what"]
    assert ended.of("queues")["status"] == "unknown"


async def test_a_certificate_that_is_not_trusted_is_told(stack: Stack, tmp_path: Path) -> None:
    file = tmp_path / "local.settings.json"
    leave_out("SSL_CERT_FILE", Path(stack.endpoints.settings_file), file)
    ended = await doctor(stack, "--settings", str(file))
    found = ended.of("blobs")
    assert found["status"] == "wrong"
    assert "is not trusted" in found["what"]
    assert "SSL_CERT_FILE" in found["remedy"]


def leave_out(name: str, old: Path, new: Path) -> None:
    settings = json.loads(old.read_text())
    del settings["Values"][name]
    new.write_text(json.dumps(settings))
