"""Access keys for HTTP functions and for the host's own endpoints."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum

from multidict import MultiMapping

from functions_host.http_targets import Query

KEY_HEADER = "x-functions-key"
KEY_PARAMETER = "code"
BLOBS_KEY = "blobs_extension"
"""The name of the system key for the webhook of the blob extension."""


def _new_key() -> str:
    return secrets.token_urlsafe(40)


class KeyLevel(IntEnum):
    """What a key is good for."""

    NOTHING = 0
    FUNCTION = 2
    SYSTEM = 3
    ADMIN = 4


class Access(Enum):
    """Whether a request may use an endpoint of the host."""

    ALLOWED = 200
    NO_KEY = 401
    """There is no key, or none that exists."""
    WRONG_KEY = 403
    """The key exists, but is not good for this endpoint."""


@dataclass(frozen=True, kw_only=True)
class AccessKeys:
    """The access keys of one host. They are new for each start. If `enabled` is false, no key is needed."""

    enabled: bool
    master: str = field(default_factory=_new_key)
    """Allows everything."""
    function: str = field(default_factory=_new_key)
    """Allows all functions of the level `function`."""
    system: str = field(default_factory=_new_key)
    """Allows the webhook of the blob extension."""
    _accepted: dict[str, tuple[str, KeyLevel]] = field(default_factory=dict, repr=False)

    def allows_function(self, name: str, level: str, headers: MultiMapping[str], query: Query) -> bool:
        """Return whether a request may call a function of the level `anonymous`, `function` or `admin`."""
        if level == "anonymous" or not self.enabled:
            return True
        _, given = self._given(headers, query, name)
        return given == KeyLevel.ADMIN or (level == "function" and given == KeyLevel.FUNCTION)

    def is_admin(self, headers: MultiMapping[str], query: Query) -> bool:
        """Return whether a request has the master key, or keys are not checked."""
        return self.admin_access(headers, query) is Access.ALLOWED

    def admin_access(self, headers: MultiMapping[str], query: Query) -> Access:
        """Return whether a request may use `/admin`."""
        return self._access(headers, query, None)

    def webhook_access(self, extension: str, headers: MultiMapping[str], query: Query) -> Access:
        """Return whether a request may use `/runtime/webhooks/{extension}`."""
        return self._access(headers, query, f"{extension.lower()}_extension")

    def _access(self, headers: MultiMapping[str], query: Query, system_key: str | None) -> Access:
        if not self.enabled:
            return Access.ALLOWED
        name, level = self._given(headers, query, "")
        if level == KeyLevel.ADMIN or (level == KeyLevel.SYSTEM and name == system_key):
            return Access.ALLOWED
        return Access.NO_KEY if level == KeyLevel.NOTHING else Access.WRONG_KEY

    def _given(self, headers: MultiMapping[str], query: Query, function: str) -> tuple[str, KeyLevel]:
        """Return the name and the level of the key in a request."""
        # The header takes precedence, even if it is empty and the query has a valid key.
        given = headers[KEY_HEADER] if KEY_HEADER in headers else query.first(KEY_PARAMETER)
        if not given:
            return "", KeyLevel.NOTHING
        # The real host remembers the keys that it accepted, and compares them without regard to case.
        remembered = (given + function).lower()
        if remembered not in self._accepted:
            found = [known for known in self._known() if _is_same(given, known[2])]
            if not found:
                return "", KeyLevel.NOTHING
            self._accepted[remembered] = found[0][:2]
        return self._accepted[remembered]

    def _known(self) -> tuple[tuple[str, KeyLevel, str], ...]:
        return (
            ("master", KeyLevel.ADMIN, self.master),
            (BLOBS_KEY, KeyLevel.SYSTEM, self.system),
            ("default", KeyLevel.FUNCTION, self.function),
        )


def as_json(keys: Mapping[str, str], url: str) -> dict[str, object]:
    """Return keys in the shape of the endpoints that list them."""
    return {
        "keys": [{"name": name, "value": value} for name, value in keys.items()],
        "links": [{"rel": "self", "href": url}],
    }


def _is_same(given: str, key: str) -> bool:
    return secrets.compare_digest(given.encode("utf-8", "surrogateescape"), key.encode())
