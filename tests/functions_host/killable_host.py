"""Runs the sample app in a process that a test can kill: `python killable_host.py SECONDS [patient]`.

A received message is hidden for that many seconds.
"""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

from functions_host.job_host import JobHost
from functions_host.job_host_options import JobHostOptions


async def main() -> None:
    """Run until the process is killed."""
    options = JobHostOptions(
        script_root=Path(__file__).parent / "sample_app",
        port=0,
        receive_visibility=timedelta(seconds=int(sys.argv[1])),
        patient="patient" in sys.argv,
    )
    async with JobHost(options) as host:
        await host.run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main())
