"""The command line of the topic: its options, signals, output and exit code."""

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from functions_host.errors import HostError, SubscriptionError
from functions_host.event_grid.event_delivery import DeliveryOptions
from functions_host.event_grid.event_subscription import (
    EventFilter,
    EventSubscription,
    RetryPolicy,
    blob_subject,
)
from functions_host.event_grid.subscription_file import read_subscriptions
from functions_host.event_grid.system_topic import SystemTopic, TopicOptions

_STORAGE = "AzureWebJobsStorage"

_log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command to a parser."""
    parser.add_argument(
        "--connection-string",
        metavar="TEXT",
        help="the storage account to watch (default: the environment variable AzureWebJobsStorage, or those "
        "of a connection by identity, such as AzureWebJobsStorage__blobServiceUri, or else "
        "UseDevelopmentStorage=true: Azurite on its usual ports)",
    )
    parser.add_argument("--json", action="store_true", help="print a line of JSON once all subscriptions run")
    _add_subscription_arguments(parser.add_argument_group("the subscription"))
    _add_delivery_arguments(parser.add_argument_group("retries and dead letters"))
    _add_watch_arguments(parser.add_argument_group("watching the account"))
    _add_test_arguments(parser.add_argument_group("for tests of the receiver"))


def run(args: argparse.Namespace) -> int:
    """Run the topic until SIGINT or SIGTERM. Return the exit code."""
    _log_to_stderr()
    try:
        asyncio.run(_serve(args))
    except HostError as error:
        _log.error("%s", error)
        return 1
    return 0


async def _serve(args: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    subscriptions = _subscriptions(args)
    serving = asyncio.create_task(_watch(args, subscriptions))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if serving.done():
        serving.result()
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


async def _watch(args: argparse.Namespace, subscriptions: Sequence[EventSubscription]) -> None:
    storage = _storage(args.connection_string, os.environ)
    async with SystemTopic(storage, subscriptions, _options(args)) as topic:
        if args.json:
            sys.stdout.write(json.dumps({"subscriptions": [s.name for s in subscriptions]}) + "\n")
            sys.stdout.flush()
        await topic.run()


def _add_subscription_arguments(group: "argparse._ArgumentGroup") -> None:
    group.add_argument("--webhook", metavar="URL", help="where the events are sent")
    group.add_argument("--name", default="local", help="name of the subscription (default: local)")
    group.add_argument("--container", metavar="NAME", help="only blobs of this container")
    group.add_argument("--prefix", default="", help="only blobs whose name starts so; needs --container")
    group.add_argument("--suffix", default="", help="only blobs whose name ends so")
    group.add_argument(
        "--case-sensitive", action="store_true", help="the case of letters in prefix and suffix counts"
    )
    group.add_argument(
        "--schema",
        choices=("EventGridSchema", "CloudEventSchemaV1_0"),
        default="EventGridSchema",
        help="schema of the events (default: EventGridSchema)",
    )
    group.add_argument(
        "--max-events-per-batch", type=int, default=1, metavar="N", help="events in one request (default: 1)"
    )
    group.add_argument(
        "--subscriptions",
        type=Path,
        metavar="FILE",
        help="several subscriptions, as JSON in the shape of an Azure template; replaces the options above",
    )


def _add_delivery_arguments(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--max-delivery-attempts", type=int, default=30, metavar="N", help="1 to 30 (default: 30)"
    )
    group.add_argument(
        "--time-to-live", type=int, default=1440, metavar="MINUTES", help="1 to 1440 (default: 1440)"
    )
    group.add_argument(
        "--dead-letters",
        metavar="CONTAINER",
        help="container for events that cannot be delivered (default: they are dropped)",
    )
    group.add_argument(
        "--retry-scale",
        type=_positive,
        default=1.0,
        metavar="FACTOR",
        help="multiplies all pauses of Azure's retry schedule; 0.1 makes 10 s one second (default: 1)",
    )


def _add_watch_arguments(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--interval",
        type=_positive,
        default=0.4,
        metavar="SECONDS",
        help="between two listings (default: 0.4)",
    )
    group.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        help="remember here which events are done; the next start raises those that are not",
    )
    group.add_argument(
        "--from-start", action="store_true", help="at the first start, raise events for existing blobs too"
    )
    group.add_argument(
        "--start-timeout",
        type=_positive,
        default=30.0,
        metavar="SECONDS",
        help="how long to wait for the account, and for the webhook to confirm (default: 30)",
    )


def _add_test_arguments(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--duplicates", type=_rate, default=0.0, metavar="RATE", help="share of events sent twice, 0 to 1"
    )
    group.add_argument(
        "--shuffle",
        type=_positive,
        default=0.0,
        metavar="SECONDS",
        help="delay each event by a random time up to this one, so that they arrive in another order",
    )
    group.add_argument("--seed", type=int, metavar="N", help="make the random choices repeatable")


def _subscriptions(args: argparse.Namespace) -> list[EventSubscription]:
    if args.subscriptions:
        return read_subscriptions(args.subscriptions)
    if not args.webhook:
        raise SubscriptionError("give the URL of a webhook with --webhook, or a file with --subscriptions")
    if args.prefix and not args.container:
        raise SubscriptionError("--prefix needs --container")
    subscription = EventSubscription(
        name=args.name,
        webhook=args.webhook,
        filter=EventFilter(
            subject_begins_with=blob_subject(args.container, args.prefix) if args.container else "",
            subject_ends_with=args.suffix,
            is_case_sensitive=args.case_sensitive,
        ),
        delivery_schema=args.schema,
        retry=RetryPolicy(
            max_delivery_attempts=args.max_delivery_attempts,
            time_to_live=timedelta(minutes=args.time_to_live),
        ),
        max_events_per_batch=args.max_events_per_batch,
        dead_letter_container=args.dead_letters,
    )
    return [subscription]


def _options(args: argparse.Namespace) -> TopicOptions:
    return TopicOptions(
        interval=args.interval,
        start_timeout=args.start_timeout,
        state=args.state,
        from_start=args.from_start,
        delivery=DeliveryOptions(
            retry_scale=args.retry_scale,
            duplicate_rate=args.duplicates,
            shuffle_seconds=args.shuffle,
            seed=args.seed,
        ),
    )


def _storage(connection_string: str | None, environment: Mapping[str, str]) -> Mapping[str, str]:
    """Return the settings of the account to watch."""
    if connection_string:
        return {_STORAGE: connection_string}
    found = {name: text for name, text in environment.items() if name.split("__")[0] == _STORAGE and text}
    return found or {_STORAGE: "UseDevelopmentStorage=true"}


def _positive(text: str) -> float:
    if (number := float(text)) < 0:
        raise argparse.ArgumentTypeError(f"{text} is negative")
    return number


def _rate(text: str) -> float:
    if (number := _positive(text)) > 1:
        raise argparse.ArgumentTypeError(f"{text} is above 1")
    return number


def _log_to_stderr() -> None:
    formatter = logging.Formatter("[%(asctime)s.%(msecs)03dZ] %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # At level INFO the storage clients log each request.
    logging.getLogger("azure").setLevel(logging.WARNING)
