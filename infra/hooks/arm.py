"""A small client of Azure Resource Manager, for the hooks: JSON, and tries again what passes."""

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

ENDPOINT = "https://management.azure.com"
TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})
MOST_TRIES = 6
LONGEST_PAUSE = 60.0
"""Seconds. A longer `Retry-After` is not believed."""

CALL_SECONDS = 60.0

Pause = Callable[[float], None]


class HookError(Exception):
    """The hook can't do its work. The text says what to do about it."""


class ArmError(HookError):
    """Azure Resource Manager has refused a call.

    `status` is the HTTP status, 0 if there was no answer. `code` is the error's code: `ResourceNotFound`.
    """

    def __init__(self, message: str, *, status: int = 0, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Arm:
    """Calls Azure Resource Manager with one token. `pause` waits for a number of seconds."""

    def __init__(self, token: str, *, endpoint: str = ENDPOINT, pause: Pause = time.sleep) -> None:
        self._token = token
        self._endpoint = endpoint.rstrip("/")
        self._pause = pause

    def get(self, resource_id: str, version: str) -> dict[str, Any]:
        """Return a resource. Raise ArmError, with status 404 if it does not exist."""
        return self.call("GET", resource_id, version)

    def find(self, resource_id: str, version: str) -> dict[str, Any] | None:
        """Return a resource, or None if it does not exist."""
        try:
            return self.get(resource_id, version)
        except ArmError as error:
            if error.status == 404:
                return None
            raise

    def call(
        self, method: str, resource_id: str, version: str, body: Mapping[str, object] | None = None
    ) -> dict[str, Any]:
        """Return the JSON of the answer, `{}` for an empty one. Raise ArmError for what does not pass.

        A call that failed for a passing reason is repeated: every call of the hooks may be.
        """
        for tries_left in reversed(range(MOST_TRIES)):
            try:
                return self._once(method, resource_id, version, body)
            except urllib.error.HTTPError as error:
                failure, wait = _failure(method, resource_id, error), error.headers.get("Retry-After")
            except OSError as error:  # URLError, time-outs and broken connections
                failure, wait = ArmError(f"{method} {resource_id}: no answer ({error})"), None
            if not tries_left or failure.status not in TRANSIENT | {0}:
                raise failure
            self._pause(_pause_seconds(wait, MOST_TRIES - 1 - tries_left))
        raise AssertionError("the last try returns or raises")

    def _once(
        self, method: str, resource_id: str, version: str, body: Mapping[str, object] | None
    ) -> dict[str, Any]:
        no_body = b"" if method == "POST" else None  # so that a POST without a body says that it has none
        request = urllib.request.Request(  # noqa: S310
            f"{self._endpoint}{resource_id}?api-version={version}",
            method=method,
            data=no_body if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=CALL_SECONDS) as answer:  # noqa: S310
            text = answer.read()
        found = json.loads(text) if text.strip() else {}
        return found if isinstance(found, dict) else {}


def sign_in(endpoint: str = ENDPOINT) -> str:
    """Return a token for Azure Resource Manager, of who is signed in with azd, or else with the az CLI.

    Raise HookError if nobody is.
    """
    scope = f"{endpoint.rstrip('/')}/.default"
    commands = {
        "token": ["azd", "auth", "token", "--scope", scope, "--output", "json"],
        "accessToken": ["az", "account", "get-access-token", "--scope", scope, "--output", "json"],
    }
    for key, command in commands.items():
        program = shutil.which(command[0])
        if program is None:
            continue
        run = subprocess.run([program, *command[1:]], capture_output=True, text=True, check=False)
        try:
            return str(json.loads(run.stdout)[key])
        except (ValueError, KeyError, TypeError):
            continue  # the other one may be signed in
    raise HookError("nobody is signed in to Azure: run azd auth login, or az login")


def _failure(method: str, resource_id: str, error: urllib.error.HTTPError) -> ArmError:
    with error:
        text = error.read().decode(errors="replace")
    try:
        told = json.loads(text)["error"]
        code, message = str(told.get("code", "")), str(told.get("message", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        code, message = "", text[:500]
    return ArmError(
        f"{method} {resource_id}: {error.code} {code} {message}".rstrip(), status=error.code, code=code
    )


def _pause_seconds(retry_after: str | None, tries: int) -> float:
    if retry_after is not None and retry_after.isascii() and retry_after.isdigit():
        return min(float(retry_after), LONGEST_PAUSE)
    return float(min(2.0**tries, LONGEST_PAUSE))
