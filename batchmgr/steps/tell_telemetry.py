"""What published events mean for logs and metrics: one line and one count for each state of a job."""

import logging
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from batchmgr.model.cloud_event import Event
from batchmgr.model.job_record import JobRecord
from batchmgr.model.telemetry_names import (
    JOB_STATE,
    JOB_WORKLOAD,
    JOBS_ENTERED,
    OUTBOX_AGE,
    STATE_DURATION,
    TASK_EVENTS,
    TASK_STATE,
)
from batchmgr.telemetry_port import Telemetry
from batchmgr.wire.events import JOB_STATES, TASK_STATES

logger = logging.getLogger(__name__)

STATES = {type_: state for state, type_ in JOB_STATES.items()}


def tell_published(telemetry: Telemetry, record: JobRecord, events: Sequence[Event], now: datetime) -> None:
    """Log and count the events of a record, which are in the job's log now."""
    for event in events:
        if event.type in STATES:
            _tell_state(telemetry, record, event)
    for type_, number in Counter(event.type for event in events).items():
        if type_ in TASK_STATES:
            telemetry.record(TASK_EVENTS, number, {TASK_STATE: TASK_STATES[type_]})
    # Some changes leave `updated_at` as it is; then an event is newer.
    saved = max((record.updated_at, *(event.time for event in events)))
    telemetry.record(OUTBOX_AGE, max(0.0, (now - saved).total_seconds()))


def _tell_state(telemetry: Telemetry, record: JobRecord, event: Event) -> None:
    state = STATES[event.type]
    about = {JOB_STATE: state.value, JOB_WORKLOAD: record.workload}
    with telemetry.about(record.job_id):
        logger.info("job %s is %s", record.job_id, state, extra=about)
    telemetry.record(JOBS_ENTERED, 1, about)
    # Two states may be entered at the same time: then in this order.
    entered = sorted((time, place, one) for place, (one, time) in enumerate(record.entered.items()))
    states = [one for _, _, one in entered]
    place = states.index(state) if state in states else 0
    if place:
        (begun, _, before), (end, _, _) = entered[place - 1 : place + 1]
        seconds = (end - begun).total_seconds()
        telemetry.record(STATE_DURATION, seconds, {JOB_STATE: before.value, JOB_WORKLOAD: record.workload})
