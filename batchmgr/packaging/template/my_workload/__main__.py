"""The command line: a node starts a task with it, you do whatever --help tells."""

import json
import logging.config
from pathlib import Path

from batchmgr import Application

from my_workload.workload import WordCountWorkload


def setup_logging(file: Path) -> None:
    """Log as this file says. It is YAML in the style of JSON: Python itself reads that, on any node."""
    logging.config.dictConfig(json.loads(file.read_text(encoding="utf-8")))


if __name__ == "__main__":
    setup_logging(Path(__file__).with_name("logging.yaml"))
    Application(WordCountWorkload()).run()
