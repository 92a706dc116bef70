"""Which stack the integration tests run on. Three environment variables choose it.

`STACK_HOST` is `embedded`, the default, or `func`: Azure Functions Core Tools, which must be on the PATH.
`STACK_BLOB_SOURCE` is `EventGrid`, the default, or `LogsAndContainerScan`: how the host notices new blobs.
`STACK_IDENTITY` is empty, the default, for a stack with keys; or how nodes reach storage in one without keys:
`signatures` or `nodes`.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

from batchmgr.devstack.functions_host_process import HostKind
from batchmgr.devstack.stack import BlobSource, NodeAccess, StackOptions

T = TypeVar("T", bound=str)


def stack_options(environment: Mapping[str, str] = os.environ, **fields: Any) -> StackOptions:
    """Return the options of a stack. What the variables say yields to `fields`.

    The nodes use the Python of the tests, which has the workloads of the tests installed. Jobs are polled
    twice a second, since most tests wait for a poll.
    """
    chosen: dict[str, Any] = {
        "host": _choice(environment, "STACK_HOST", get_args(HostKind), "embedded"),
        "blob_source": _choice(environment, "STACK_BLOB_SOURCE", get_args(BlobSource), "EventGrid"),
        "node_python": Path(sys.executable),
        "poll_schedule": "00:00:00.500",
    }
    if environment.get("STACK_IDENTITY"):
        chosen["identity"] = _choice(environment, "STACK_IDENTITY", get_args(NodeAccess), "signatures")
    return StackOptions(**chosen | fields)


def _choice(environment: Mapping[str, str], name: str, choices: tuple[T, ...], default: T) -> T:
    value = environment.get(name) or default
    for choice in choices:
        if value == choice:
            return choice
    raise ValueError(f"{name} is {value!r}, but must be one of {', '.join(choices)}")
