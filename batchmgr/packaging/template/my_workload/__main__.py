"""The command line. Nodes start tasks with it; `--help` lists the commands for you."""

import json
import logging.config
from pathlib import Path

from batchmgr import Application

from my_workload.workload import (
    MyWorkload,
)


def setup_logging(file: Path) -> None:
    """Configure logging from this file. It is YAML in JSON's style, which needs no YAML library on nodes."""
    logging.config.dictConfig(json.loads(file.read_text(encoding="utf-8")))


if __name__ == "__main__":
    setup_logging(Path(__file__).with_name("logging.yaml"))
    Application(MyWorkload()).run()
