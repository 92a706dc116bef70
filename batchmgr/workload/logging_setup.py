"""Logging as a workload's `logging.yaml` says: the standard library's dictionary schema, in YAML or JSON."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from batchmgr.errors import LoggingFileError


def setup_logging(path: Path) -> None:
    """Configure logging from a file, once, at the start of `__main__.py`.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as directory:
    ...     file = Path(directory, "logging.yaml")
    ...     _ = file.write_text("version: 1\\ndisable_existing_loggers: false\\n")
    ...     setup_logging(file)

    Source: https://docs.python.org/3/library/logging.config.html#logging-config-dictschema. A node without
    PyYAML logs to stderr from INFO on, and says so. Raises `LoggingFileError`, which names the file, when it
    is missing or wrong.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        content = _parse(Path(path), text)
    except (OSError, ValueError) as error:
        raise LoggingFileError(f"{path} cannot be read: {error}") from error
    if content is None:
        logging.basicConfig(level=logging.INFO)
        logging.getLogger(__name__).warning("PyYAML is not installed: %s is not read", path)
        return
    from logging.config import dictConfig  # it brings sockets and queues along

    try:
        dictConfig(content)
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise LoggingFileError(f"{path} is not a logging configuration: {error}") from error


def _parse(path: Path, text: str) -> dict[str, Any] | None:
    """The file's content; None where it can't be read for want of PyYAML."""
    if path.suffix == ".json":
        content = json.loads(text)
    else:
        try:
            import yaml
        except ImportError:
            return None
        try:
            content = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ValueError(str(error)) from error
    if not isinstance(content, dict):
        raise ValueError("it holds no mapping")
    return content
