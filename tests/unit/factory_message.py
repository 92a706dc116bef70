"""Job messages with a task factory, for the tests of the factories."""

import json
from typing import Any

from batchmgr.wire.job_message import JobMessage, decode_job

ECHO = {"commandLine": "echo {0}"}


def factory_message(factory: dict[str, Any]) -> JobMessage:
    """Return a job message with this factory."""
    return decode_job(json.dumps({"taskFactory": factory}).encode())
