"""The Event Grid topic that events are sent to: whether the app may send to it. Nothing is sent."""

from typing import Any
from urllib.parse import urlsplit

from azure.eventgrid.aio import EventGridPublisherClient

from batchmgr.adapters.event_grid_topic import SERVICE
from batchmgr.adapters.service_errors import service_errors
from batchmgr.doctor.check_identity import Caller
from batchmgr.doctor.finding import Finding, fine
from batchmgr.doctor.remedies import TOPIC, Remedies
from batchmgr.doctor.without_access import refused
from batchmgr.errors import ServiceError, ServiceRefusedError

CHECK = "event topic"
ROLE = "EventGrid Data Sender"
BATCH = "application/cloudevents-batch+json; charset=utf-8"
NO_EVENT: dict[str, Any] = {}
"""What no topic takes, once it has seen that the caller may send: an event has a type and an id.

Source: https://learn.microsoft.com/azure/event-grid/post-to-custom-topic (a 400 for a format that is wrong)
"""


async def check_event_topic(
    client: EventGridPublisherClient, endpoint: str, caller: Caller, remedies: Remedies
) -> list[Finding]:
    """Return what is to be said about the topic that `BATCHMGR_EVENT_TOPIC` names."""
    name = topic_name(endpoint)
    try:
        with service_errors(SERVICE):
            await client.send([NO_EVENT], content_type=BATCH)
    except ServiceRefusedError:
        pass  # it would take an event
    except ServiceError as error:
        command = remedies.give_role(ROLE, TOPIC, name)
        return [refused(CHECK, error, caller, "send events", command, ROLE, on="the topic")]
    return [fine(CHECK, f"the topic {name} would take events")]


def topic_name(endpoint: str) -> str:
    """Return the name of a topic."""
    return (urlsplit(endpoint).hostname or "").partition(".")[0]
