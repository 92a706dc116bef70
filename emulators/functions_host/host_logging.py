"""Writes log lines to stderr, with the log levels of host.json."""

import logging
import sys
import time
from collections.abc import Mapping

from functions_host.log_levels import LogLevelFilter


def log_to_stderr(levels: Mapping[str, str] | None = None) -> None:
    """Log to stderr, with the section `logging.logLevel` of host.json. A second call replaces the first."""
    formatter = logging.Formatter("[%(asctime)s.%(msecs)03dZ] %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    if levels is not None:
        handler.addFilter(LogLevelFilter(levels))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # At level INFO the storage clients log each request.
    logging.getLogger("azure").setLevel(logging.WARNING)
