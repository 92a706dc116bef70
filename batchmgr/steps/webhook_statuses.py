"""What is known of a job's webhooks: in its record, in their statuses, and in dead letters.

The record may be behind the statuses. Only where it is, they are read.
"""

import asyncio
from collections.abc import Mapping

from msgspec.structs import replace

from batchmgr.model.dead_letter import webhook_letter, webhook_letter_id
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import CallbackState
from batchmgr.model.webhook import WebhookStatus
from batchmgr.ports import Ports


async def statuses_of(ports: Ports, record: JobRecord) -> Mapping[int, WebhookStatus]:
    """Return the statuses of all webhooks of a job that something was to be sent to, by their numbers."""
    return await _load(ports, record, [number for number, one in enumerate(record.webhooks) if one.wanted])


async def with_webhooks_seen(ports: Ports, record: JobRecord, told: int = 0) -> JobRecord:
    """Return the record with what the statuses of its webhooks say. It is not saved.

    Up to the event `told`, they are known to be settled: then they are not read.

    A webhook that was given up counts as settled. First its dead letter is kept.
    """
    behind = [number for number, webhook in enumerate(record.webhooks) if webhook.is_behind(told)]
    statuses = await _load(ports, record, behind)
    for number, status in dead_webhooks(statuses).items():
        receiver = record.webhooks[number].receiver
        await keep_webhook_letter(ports, record.job_id, number, receiver, status)
    return with_statuses(record, statuses)


def with_statuses(record: JobRecord, statuses: Mapping[int, WebhookStatus]) -> JobRecord:
    """Return the record with what these statuses of its webhooks say."""
    if not statuses:
        return record
    webhooks = list(record.webhooks)
    for number, status in statuses.items():
        webhooks[number] = webhooks[number].seen(status)
    return replace(record, webhooks=tuple(webhooks))


async def keep_webhook_letter(
    ports: Ports, job_id: str, number: int, receiver: str, status: WebhookStatus
) -> None:
    """Keep the dead letter of a webhook that was given up."""
    await ports.dead_letters.add(webhook_letter(job_id, number, receiver, status))


async def forget_webhook_letter(ports: Ports, job_id: str, number: int, status: WebhookStatus) -> None:
    """Remove the dead letter of a webhook, if it was given up before."""
    if status.given_up_at is not None:
        await ports.dead_letters.remove(webhook_letter_id(job_id, number, status))


async def forget_webhook_letters(ports: Ports, record: JobRecord) -> None:
    """Remove the dead letters of the webhooks of a job of which nothing is kept."""
    for number, status in (await statuses_of(ports, record)).items():
        await forget_webhook_letter(ports, record.job_id, number, status)


def dead_webhooks(statuses: Mapping[int, WebhookStatus]) -> Mapping[int, WebhookStatus]:
    """Return those that were given up."""
    return {number: one for number, one in statuses.items() if one.state is CallbackState.DEAD}


async def _load(ports: Ports, record: JobRecord, numbers: list[int]) -> Mapping[int, WebhookStatus]:
    loads = (ports.webhooks.load(record.job_id, number) for number in numbers)
    return dict(zip(numbers, await asyncio.gather(*loads), strict=True))
