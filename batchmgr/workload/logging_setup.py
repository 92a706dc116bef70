"""Configures logging from a workload's `logging.yaml`, in the standard library's dictionary schema."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from batchmgr.errors import LoggingFileError


def setup_logging(path: Path) -> None:
    """Configure logging from a YAML or JSON file. Call it once, at the start of `__main__.py`.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as directory:
    ...     file = Path(directory, "logging.yaml")
    ...     _ = file.write_text("version: 1\\ndisable_existing_loggers: false\\n")
    ...     setup_logging(file)

    If PyYAML is not installed, a YAML file is not read: messages from INFO up go to stderr, with a warning.
    Raise `LoggingFileError`, which names the file, if it is missing or wrong.

    Source: https://docs.python.org/3/library/logging.config.html#logging-config-dictschema
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
    from logging.config import dictConfig  # it imports sockets and queues

    try:
        dictConfig(content)
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise LoggingFileError(f"{path} is not a logging configuration: {error}") from error


def _parse(path: Path, text: str) -> dict[str, Any] | None:
    """Return the file's content, or None if PyYAML is needed and not installed."""
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
        raise ValueError("its content is not a mapping")
    return content
