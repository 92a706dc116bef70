"""The settings of an app on this machine: environment variables, and the file local.settings.json.

Nothing is imported here that opens connections: a setting may name the certificates to trust.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from batchmgr.errors import SettingsError

DEFAULT_FILE = Path("local.settings.json")
ENVIRONMENT = "the environment"
TRUST = "SSL_CERT_FILE"
"""Which certificates to trust. A stack without keys has its own, and the machine's."""


@dataclass(frozen=True, kw_only=True)
class FoundSettings:
    """All variables that the app would have. `listed` are those of the settings file, if there is one."""

    environment: Mapping[str, str]
    listed: frozenset[str] = frozenset()
    source: str = ENVIRONMENT


def read_settings(environment: Mapping[str, str], file: Path | None) -> FoundSettings:
    """Return the variables of the environment and of a settings file, as `func start` has them.

    A variable that is set takes precedence, but for SSL_CERT_FILE. Without a `file`, local.settings.json is
    read if it is in the current directory. Raise SettingsError for a file that can't be read.
    """
    if file is None and not DEFAULT_FILE.is_file():
        return FoundSettings(environment=environment)
    file = file or DEFAULT_FILE
    values = _values(file)
    trust = {TRUST: values[TRUST]} if TRUST in values else {}
    return FoundSettings(
        environment={**values, **environment, **trust}, listed=frozenset(values), source=str(file)
    )


def _values(file: Path) -> Mapping[str, str]:
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SettingsError(f"{file} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise SettingsError(f"{file} is not JSON: {error}") from error
    if isinstance(content, dict) and content.get("IsEncrypted") is True:
        raise SettingsError(f"{file} is encrypted: run `func settings decrypt` first")
    values = content.get("Values") if isinstance(content, dict) else None
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise SettingsError(f'{file} must have "Values": an object in which every value is a string')
    return values
