"""Runs the stand-in as a command: `python -m fakeidentity --config FILE --certificate PEM --key PEM`.

The file is JSON: `{"identities": [...], "services": [{"kind": "blob", "upstream": "https://…", "port": 0}]}`.
Once everything is served, one line of JSON tells where.
"""

import argparse
import asyncio
import json
import logging
import signal
import sys
from pathlib import Path

from fakeidentity.gateway import Service
from fakeidentity.identities import identity_of
from fakeidentity.server import Options, ServedService, serving


def main() -> int:
    """Run the command with the arguments of this process. Return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m fakeidentity",
        description="Stand in for Microsoft Entra on this machine: tokens for managed identities, and roles.",
    )
    parser.add_argument("--config", type=Path, required=True, help="the identities and the services, as JSON")
    parser.add_argument("--certificate", type=Path, required=True, help="the certificate to serve with")
    parser.add_argument("--key", type=Path, required=True, help="its private key")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    try:
        asyncio.run(_serve(_options(args)))
    except (OSError, ValueError, TypeError, KeyError) as error:
        sys.stderr.write(f"cannot serve: {error!r}\n")
        return 1
    return 0


def _options(args: argparse.Namespace) -> Options:
    facts = json.loads(args.config.read_text())
    return Options(
        identities=[identity_of(one) for one in facts["identities"]],
        services=[
            ServedService(
                service=Service(kind=one["kind"], upstream=one["upstream"]), port=one.get("port", 0)
            )
            for one in facts["services"]
        ],
        certificate=args.certificate,
        key=args.key,
    )


async def _serve(options: Options) -> None:
    asked_to_end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked_to_end.set)
    async with serving(options) as addresses:
        facts = {
            "url": addresses.url,
            "identityEndpoint": addresses.identity_endpoint,
            "identityHeader": addresses.identity_header,
            "gateways": addresses.gateways,
        }
        sys.stdout.write(json.dumps(facts) + "\n")
        sys.stdout.flush()
        await asked_to_end.wait()


if __name__ == "__main__":
    sys.exit(main())
