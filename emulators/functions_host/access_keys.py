"""Access keys of HTTP functions and of the host's own endpoints."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field


def _new_key() -> str:
    return secrets.token_urlsafe(40)


@dataclass(frozen=True, kw_only=True)
class Keys:
    """The keys of one host, new for each start; with `enabled` false every request is let in."""

    enabled: bool
    master: str = field(default_factory=_new_key)
    """Opens everything."""
    function: str = field(default_factory=_new_key)
    """Opens functions of level `function`."""
    system: str = field(default_factory=_new_key)
    """Opens the blob extension's webhook."""

    def opens_function(self, level: str, headers: Mapping[str, str], query: Mapping[str, str]) -> bool:
        """Say whether a request may call a function of the level `anonymous`, `function` or `admin`."""
        if level == "anonymous":
            return True
        return self._admits(headers, query, self.master, *([self.function] if level == "function" else []))

    def opens_admin(self, headers: Mapping[str, str], query: Mapping[str, str]) -> bool:
        """Say whether a request may use `/admin`."""
        return self._admits(headers, query, self.master)

    def opens_webhook(self, headers: Mapping[str, str], query: Mapping[str, str]) -> bool:
        """Say whether a request may use `/runtime/webhooks`."""
        return self._admits(headers, query, self.master, self.system)

    def _admits(self, headers: Mapping[str, str], query: Mapping[str, str], *keys: str) -> bool:
        if not self.enabled:
            return True
        # The header beats the query, even when only the query holds a good key.
        given = headers.get("x-functions-key") or query.get("code") or ""
        return any(secrets.compare_digest(given.encode(), key.encode()) for key in keys)
