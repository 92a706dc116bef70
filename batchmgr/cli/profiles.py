"""Which app a command calls, and with which key: from options, the environment, or a profile.

The profiles are the tables of one TOML file. The key of a profile is best what a command prints: then it is
nowhere in a file, and in no list of processes.

    [test]
    url = "https://my-app.azurewebsites.net"
    key_command = "az functionapp keys list -g my-group -n my-app --query functionKeys.default -o tsv"
"""

import os
import shlex
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path

from batchmgr.client.connection import LOCAL, AppAddress
from batchmgr.errors import SettingsError

KEY_VARIABLES = ("BATCHMGR_KEY", "BATCHMGR_FUNCTION_KEY")
KNOWN = {"url", "key", "key_command"}
COMMAND_S = 60


def profiles_file(environment: Mapping[str, str]) -> Path:
    """Return where the profiles are."""
    folder = environment.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(folder) / "batchmgr" / "profiles.toml"


def chosen_address(
    url: str, key: str, profile: str, environment: Mapping[str, str] = os.environ
) -> AppAddress:
    """Return the address of the app, and its key. The nearest to the command counts.

    `--url` and `--profile` come first, then the variable BATCHMGR_URL, then the profile that BATCHMGR_PROFILE
    names, then the profile `default`, and then the local stack. The key of a profile is sent to its own
    address alone.
    """
    found: Mapping[str, str] = {}
    if url and profile:
        raise SettingsError("give --url or --profile: a profile has an address of its own")
    if profile or not (url or environment.get("BATCHMGR_URL")):
        found = _profile(profile or environment.get("BATCHMGR_PROFILE", ""), environment)
    elif not url:
        url = environment["BATCHMGR_URL"]
    return AppAddress(url or found.get("url") or LOCAL, _key(key, found, environment))


def _key(key: str, found: Mapping[str, str], environment: Mapping[str, str]) -> str:
    if key.startswith("@"):
        return _read(Path(key[1:])).strip()
    if key:
        return key
    if found:
        return _key_of(found)
    return next((environment[name] for name in KEY_VARIABLES if environment.get(name)), "")


def _profile(name: str, environment: Mapping[str, str]) -> Mapping[str, str]:
    """Return a profile; the one named `default`, or none, if no name is given."""
    path = profiles_file(environment)
    if not path.exists():
        if name:
            raise SettingsError(f"there is no profile {name!r}: {path} is not there")
        return {}
    try:
        tables = tomllib.loads(_read(path))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is no TOML: {error}") from error
    found = tables.get(name or "default")
    if found is None and not name:
        return {}
    if not isinstance(found, dict):
        raise SettingsError(f"{path} has no profile {name!r}; it has {', '.join(tables) or 'none'}")
    for field, value in found.items():
        if field not in KNOWN or not isinstance(value, str):
            raise SettingsError(f"{path}: {name or 'default'}.{field} is none of {', '.join(sorted(KNOWN))}")
    if "key" in found and path.stat().st_mode & 0o077:
        raise SettingsError(f"{path} has a key, and others can read it: chmod 600 {shlex.quote(str(path))}")
    return found


def _key_of(found: Mapping[str, str]) -> str:
    """Return the key of a profile, as it is written or as its command prints it."""
    if "key_command" not in found:
        return found.get("key", "")
    command = shlex.split(found["key_command"])
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            text=True,
            timeout=COMMAND_S,
            check=True,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, IndexError, subprocess.SubprocessError) as error:
        name = command[0] if command else "it"
        raise SettingsError(f"the profile's key_command gave no key: {name} failed") from error
    return done.stdout.strip()


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise SettingsError(f"{error.filename}: {error.strerror}") from error
