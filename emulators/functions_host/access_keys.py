"""Access keys for HTTP functions and for the host's own endpoints."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field


def _new_key() -> str:
    return secrets.token_urlsafe(40)


@dataclass(frozen=True, kw_only=True)
class AccessKeys:
    """The access keys of one host. They are new for each start. If `enabled` is false, no key is needed."""

    enabled: bool
    master: str = field(default_factory=_new_key)
    """Allows everything."""
    function: str = field(default_factory=_new_key)
    """Allows functions of the level `function`."""
    system: str = field(default_factory=_new_key)
    """Allows the webhook of the blob extension."""

    def allows_function(self, level: str, headers: Mapping[str, str], query: Mapping[str, str]) -> bool:
        """Return whether a request may call a function of the level `anonymous`, `function` or `admin`."""
        if level == "anonymous":
            return True
        return self._is_allowed(
            headers, query, self.master, *([self.function] if level == "function" else [])
        )

    def allows_admin(self, headers: Mapping[str, str], query: Mapping[str, str]) -> bool:
        """Return whether a request may use `/admin`."""
        return self._is_allowed(headers, query, self.master)

    def allows_webhook(self, headers: Mapping[str, str], query: Mapping[str, str]) -> bool:
        """Return whether a request may use `/runtime/webhooks`."""
        return self._is_allowed(headers, query, self.master, self.system)

    def _is_allowed(self, headers: Mapping[str, str], query: Mapping[str, str], *keys: str) -> bool:
        if not self.enabled:
            return True
        # The header takes precedence, even if only the query has a valid key.
        given = headers.get("x-functions-key") or query.get("code") or ""
        return any(secrets.compare_digest(given.encode(), key.encode()) for key in keys)
