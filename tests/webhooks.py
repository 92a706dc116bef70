"""Jobs with webhooks, and what these must have got in the end."""

from collections.abc import Sequence

from msgspec.structs import replace

from batchmgr.model.dead_letter import DeadLetterKind, webhook_letter_id
from batchmgr.model.job_record_parts import CallbackState
from batchmgr.wire.events import matches_notify
from batchmgr.wire.job_message import JobMessage, WebhookMessage
from tests.world import World

ALL = WebhookMessage(uri="https://allowed/all?secret=2", events=("*",))
CHOSEN = WebhookMessage(uri="https://allowed/chosen?secret=3", events=("job.*", "task.failed"))
BOTH = (ALL, CHOSEN)


def with_webhooks(message: JobMessage) -> JobMessage:
    """Return the message with a webhook of all events, and one of some."""
    return replace(message, webhooks=BOTH)


def assert_told(world: World, job_id: str = "job-1", webhooks: Sequence[WebhookMessage] = BOTH) -> None:
    """Each selected event of the log has arrived, first in order; a batch that was sent again is the same."""
    log = world.log(job_id)
    for webhook in webhooks:
        first = arrived(world, webhook)
        assert first == [event.sequence for event in log if matches_notify(event, webhook.events)]
    sent = dict[str, list[str]]()
    for _, batch, name in world.callbacks.tried:
        ids = [event.id for event in batch]
        assert sent.setdefault(name, ids) == ids


def assert_settled(world: World, job_id: str = "job-1") -> None:
    """Each webhook has got all, or was given up: then there is a dead letter, and only then."""
    statuses = world.webhooks.statuses
    dead = [number for number in range(len(BOTH)) if statuses[job_id, number].state is CallbackState.DEAD]
    assert_told(world, job_id, [webhook for number, webhook in enumerate(BOTH) if number not in dead])
    letters = [one for one in world.dead_letters.letters.values() if one.kind is DeadLetterKind.WEBHOOK]
    assert sorted(one.id for one in letters) == sorted(
        webhook_letter_id(job_id, number, statuses[job_id, number]) for number in dead
    )


def arrived(world: World, webhook: WebhookMessage) -> list[str]:
    """Return the numbers of the events that a webhook has got, in the order of their first arrival."""
    got = [batch for uri, batch, _ in world.callbacks.batches if uri == webhook.uri]
    return list(dict.fromkeys(event.sequence for batch in got for event in batch))
