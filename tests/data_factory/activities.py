"""What each kind of activity does that calls something: WebHook, Web and Azure Function."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.data_factory.callback_server import CallbackServer
from tests.data_factory.definitions import (
    Authentication,
    AzureFunctionActivity,
    FunctionApp,
    KeyVault,
    WebActivity,
    WebHook,
    seconds,
)
from tests.data_factory.http_calls import MAX_OUTPUT, ActivityError, Answer, Caller

Evaluate = Callable[[Any], Any]
MINUTE = 60.0
GATEWAY_LIMIT = 230.0
"""How long a function may take to answer, in seconds."""


@dataclass(frozen=True, kw_only=True)
class Services:
    """What activities use: HTTP, the callback server, the factory's identity, and its linked services."""

    caller: Caller
    callbacks: CallbackServer
    token: Callable[[str], str]
    linked: Mapping[str, KeyVault | FunctionApp]
    functions_follow_location: bool = True
    """Whether an Azure Function activity follows `Location`: nobody has documented it."""

    def headers(self, headers: Mapping[str, Any], authentication: Authentication | None) -> dict[str, str]:
        """Return the headers of a request, with the token of the factory's identity if it is wanted."""
        sent = {name: str(value) for name, value in headers.items()}
        if authentication is not None:
            sent["Authorization"] = f"Bearer {self.token(authentication.resource)}"
        return sent


async def call_webhook(services: Services, activity: WebHook, evaluate: Evaluate) -> Any:
    """Send the body with a `callBackUri`, and wait for the call to it. Return the activity's output."""
    properties = activity.type_properties
    headers = services.headers(evaluate(properties.headers), properties.authentication)
    body = evaluate(properties.body)
    if not isinstance(body, dict):
        raise ActivityError(
            "2103", "The body of a WebHook must be a JSON object: callBackUri is added to it."
        )
    if "content-type" not in {name.lower() for name in headers}:
        raise ActivityError("2103", "A WebHook needs the header Content-Type.")
    limit = services.caller.real(seconds(properties.timeout))
    async with services.callbacks.expecting() as (uri, called):
        try:
            async with asyncio.timeout(limit):
                url = evaluate(properties.url)
                await services.caller.call("POST", url, headers, body | {"callBackUri": uri}, limit=MINUTE)
                answer = await called
        except TimeoutError as error:
            text = f"The callback did not come within {properties.timeout}."
            raise ActivityError("WebHookTimeout", text) from error
    return _reported(answer) if properties.report_status_on_call_back else answer


def _reported(answer: Mapping[str, Any]) -> Any:
    """Return the output in a callback. Raise ActivityError if the callback reports a failure."""
    output = answer.get("Output")
    if len(json.dumps(output).encode()) > MAX_OUTPUT:
        raise ActivityError("2001", "The length of execution output is over limit (around 4MB currently).")
    status = answer.get("StatusCode")
    if isinstance(status, str) and status.isdigit() and int(status) >= 400:
        error = answer.get("Error") or {}
        raise ActivityError(error.get("ErrorCode", status), error.get("Message", ""), output)
    return output


async def call_web(services: Services, activity: WebActivity, evaluate: Evaluate) -> Any:
    """Call an address once. Follow `Location` after 202, unless that is turned off."""
    properties = activity.type_properties
    headers = services.headers(evaluate(properties.headers), properties.authentication)
    url, body = evaluate(properties.url), evaluate(properties.body)
    limit = seconds(properties.http_request_timeout)
    answer = await services.caller.call(properties.method, url, headers, body, limit=limit)
    if not properties.turn_off_async:
        answer = await services.caller.follow(answer, headers)
    return _object(answer) or {"Response": answer.text}


async def call_function(services: Services, activity: AzureFunctionActivity, evaluate: Evaluate) -> Any:
    """Call a function of an app, with the key that the linked service names. Return the JSON object."""
    properties = activity.type_properties
    app = services.linked[activity.linked_service_name.reference_name]
    assert isinstance(app, FunctionApp)
    headers = services.headers(evaluate(properties.headers), None) | {
        "x-functions-key": await _key(services, app)
    }
    url = f"{app.type_properties.function_app_url}/api/{evaluate(properties.function_name)}"
    body = evaluate(properties.body)
    answer = await services.caller.call(properties.method, url, headers, body, limit=GATEWAY_LIMIT)
    if services.functions_follow_location:
        answer = await services.caller.follow(answer, headers)
    found = _object(answer)
    if found is None:
        raise ActivityError("3608", "Response Content is not a valid JObject.")
    return found


async def _key(services: Services, app: FunctionApp) -> str:
    secret = app.type_properties.function_key
    vault = services.linked[secret.store.reference_name]
    assert isinstance(vault, KeyVault)
    url = f"{vault.type_properties.base_url.rstrip('/')}/secrets/{secret.secret_name}?api-version=7.4"
    headers = {"Authorization": f"Bearer {services.token('https://vault.azure.net')}"}
    return str((_object(await services.caller.call("GET", url, headers)) or {})["value"])


def _object(answer: Answer) -> dict[str, Any] | None:
    try:
        found = json.loads(answer.text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
