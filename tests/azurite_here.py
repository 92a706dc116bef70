"""Whether Azurite, which `make install` installs, is here."""

import os

import pytest

from batchmgr.devstack.azurite import find_azurite
from batchmgr.devstack.project_paths import PROJECT
from batchmgr.errors import StackError


def require_azurite() -> None:
    """Skip the test if Azurite is missing; in CI, fail."""
    try:
        find_azurite(PROJECT)
    except StackError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
