"""Calls over HTTP as Data Factory makes them: their limits, and what it takes for an error.

Sources: https://learn.microsoft.com/azure/data-factory/, the pages control-flow-web-activity,
control-flow-webhook-activity and data-factory-troubleshoot-guide (the codes 2001, 2002, 2108 and 3608).
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

MAX_OUTPUT = 4 * 1024 * 1024
MAX_PAYLOAD = 896 * 1024
CALL_ERROR = "2108"


class ActivityError(Exception):
    """Why an activity fails. `output` is what it has all the same."""

    def __init__(self, code: str, message: str, output: Any = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.output = code, message, output


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer over HTTP that is no error."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def location(self) -> str:
        """Where to ask for the end of a request that was accepted, or nothing."""
        return self.headers.get("Location", "") if self.status == 202 else ""


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Makes calls. `minute` is how many seconds a minute of Data Factory takes."""

    http: aiohttp.ClientSession
    minute: float = 60.0
    polls_send_headers: bool = True
    """Whether the polls of a `Location` have the headers of the request: nobody has documented it."""

    calls: list[str] = field(default_factory=list)
    """Each call that was made: its method and URL."""

    async def wait(self, seconds: float) -> None:
        """Wait for so many seconds of Data Factory's time."""
        await asyncio.sleep(self.real(seconds))

    def real(self, seconds: float) -> float:
        """Return how long so many seconds of Data Factory's time take."""
        return seconds * self.minute / 60

    async def call(
        self, method: str, url: str, headers: Mapping[str, str], body: Any = None, *, limit: float = 60
    ) -> Answer:
        """Make one call, which has to be answered within `limit` seconds. Raise ActivityError if it fails."""
        data = body if isinstance(body, str) or body is None else json.dumps(body)
        if data is not None and len(data.encode()) > MAX_PAYLOAD:
            raise ActivityError("2002", "The payload including configurations on activity is too large.")
        self.calls.append(f"{method} {url}")
        try:
            async with (
                asyncio.timeout(self.real(limit)),
                self.http.request(method, url, headers=headers, data=data, allow_redirects=False) as response,
            ):
                text = await response.text()
                answer = Answer(status=response.status, headers=response.headers.copy(), text=text)
        except TimeoutError as error:
            raise ActivityError(CALL_ERROR, f"{url} did not answer within {limit:.0f} seconds") from error
        except aiohttp.ClientError as error:
            raise ActivityError(CALL_ERROR, f"Error calling the endpoint {url}: {error}") from error
        if answer.status >= 300:
            raise ActivityError(CALL_ERROR, f"{url} answered {answer.status}: {answer.text}")
        if len(answer.text.encode()) > MAX_OUTPUT:
            raise ActivityError(
                "2001", "The length of execution output is over limit (around 4MB currently)."
            )
        return answer

    async def follow(self, answer: Answer, headers: Mapping[str, str]) -> Answer:
        """Ask `Location` until the answer is no longer 202, and return that answer."""
        sent = headers if self.polls_send_headers else {}
        while location := answer.location:
            await self.wait(float(answer.headers.get("Retry-After", "15")))
            answer = await self.call("GET", location, sent)
        return answer
