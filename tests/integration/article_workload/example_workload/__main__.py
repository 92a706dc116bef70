"""The entry point for batchmgr: what a node starts, and what the author types."""

import logging
from pathlib import Path

from batchmgr import Application, BatchClientFactory, BatchClientSettings, setup_logging
from example_workload.workload import ExampleWorkload

logger = logging.getLogger(__name__)

if __name__ == "__main__":
    setup_logging(Path(Path(__file__).parent, "logging.yaml"))
    logger.debug("Bootstrapping HPC application.")
    settings = BatchClientSettings()
    client = BatchClientFactory.create(settings)
    app = Application(ExampleWorkload(batch_client=client))
    app.run()
