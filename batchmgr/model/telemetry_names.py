"""The names of all spans, metrics and attributes, and of log lines. `docs/observability.md` explains each.

They follow OpenTelemetry's conventions: lower case, dots between the parts, units in UCUM.
Source: https://opentelemetry.io/docs/specs/semconv/general/naming/
"""

from dataclasses import dataclass
from enum import Enum

JOB_ID = "batchmgr.job.id"
JOB_STATE = "batchmgr.job.state"
JOB_WORKLOAD = "batchmgr.job.workload"
TASK_STATE = "batchmgr.task.state"
CALLBACK_KIND = "batchmgr.callback.kind"
CALLBACK_OUTCOME = "batchmgr.callback.outcome"
QUEUE = "batchmgr.queue"
SERVICE = "batchmgr.service"
OPERATION = "batchmgr.operation"
ERROR_TYPE = "error.type"
STATUS_CODE = "http.response.status_code"
METHOD = "http.request.method"
SERVER = "server.address"
LOG_LINE = "batchmgr.log.line"

ATTRIBUTES = frozenset(
    {
        JOB_ID,
        JOB_STATE,
        JOB_WORKLOAD,
        TASK_STATE,
        CALLBACK_KIND,
        CALLBACK_OUTCOME,
        QUEUE,
        SERVICE,
        OPERATION,
        ERROR_TYPE,
        STATUS_CODE,
        METHOD,
        SERVER,
        LOG_LINE,
    }
)
"""All attributes of spans, metrics and log records."""


class LogLine(Enum):
    """A line of the log that alerts and the workbook look for. Its text may change, its name stays."""

    NOT_CONFIGURED = "not_configured"
    INTERNAL_ERROR = "internal_error"
    POLL_FAILED = "poll_failed"
    POLL_CUT_OFF = "poll_cut_off"
    MESSAGE_KEPT = "message_kept"

    @property
    def attributes(self) -> dict[str, str]:
        """What the log record has as `extra`, so that it is found by its name."""
        return {LOG_LINE: self.value}


@dataclass(frozen=True, kw_only=True)
class SpanName:
    """A span. `is_call`: it is a request to another service."""

    name: str
    is_call: bool = False


ACCEPT = SpanName(name="accept job")
ADMIT = SpanName(name="admit job")
SUBMIT = SpanName(name="submit job")
FINALIZE = SpanName(name="finalize job")
DELIVER = SpanName(name="deliver callback")
TELL_WEBHOOK = SpanName(name="tell webhook")
CANCEL = SpanName(name="cancel job")
POLL = SpanName(name="poll")
CALLBACK = SpanName(name="POST", is_call=True)

SPANS = (ACCEPT, ADMIT, SUBMIT, FINALIZE, DELIVER, TELL_WEBHOOK, CANCEL, POLL, CALLBACK)
"""All spans of batchmgr's own. Those of calls to Azure come from the Azure SDKs."""


class MetricKind(Enum):
    """How the values of a metric are put together."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric. `buckets` are the upper bounds of a histogram, in its unit."""

    name: str
    kind: MetricKind
    unit: str
    description: str
    attributes: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


CALL_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
WORK_BUCKETS = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14400, 86400, 604800)

JOBS_ENTERED = Metric(
    name="batchmgr.job.transitions",
    kind=MetricKind.COUNTER,
    unit="{transition}",
    description="How often jobs have entered a state.",
    attributes=(JOB_STATE, JOB_WORKLOAD),
)
STATE_DURATION = Metric(
    name="batchmgr.job.state.duration",
    kind=MetricKind.HISTOGRAM,
    unit="s",
    description="How long jobs were in a state, told when they leave it.",
    attributes=(JOB_STATE, JOB_WORKLOAD),
    buckets=WORK_BUCKETS,
)
ACTIVE_JOBS = Metric(
    name="batchmgr.job.active",
    kind=MetricKind.GAUGE,
    unit="{job}",
    description="Jobs with a step still to do, at the last poll. Those that are queued wait for admission.",
    attributes=(JOB_STATE,),
)
OLDEST_JOB = Metric(
    name="batchmgr.job.oldest.age",
    kind=MetricKind.GAUGE,
    unit="s",
    description="How long the job that is longest in this state has been in it, at the last poll.",
    attributes=(JOB_STATE,),
)
WAITING_JOBS = Metric(
    name="batchmgr.job.waiting",
    kind=MetricKind.GAUGE,
    unit="{job}",
    description="Jobs that can't go on by themselves, at the last poll.",
)
TASKS = Metric(
    name="batchmgr.task.active",
    kind=MetricKind.GAUGE,
    unit="{task}",
    description="Tasks of the jobs that have not ended, at the last poll.",
    attributes=(TASK_STATE,),
)
TASK_EVENTS = Metric(
    name="batchmgr.task.events",
    kind=MetricKind.COUNTER,
    unit="{event}",
    description="How often tasks were seen to run, succeed, fail, be retried or be preempted.",
    attributes=(TASK_STATE,),
)
POLL_DURATION = Metric(
    name="batchmgr.poll.duration",
    kind=MetricKind.HISTOGRAM,
    unit="s",
    description="How long a poll of all active jobs took.",
    buckets=CALL_BUCKETS,
)
POLL_LAG = Metric(
    name="batchmgr.poll.lag",
    kind=MetricKind.HISTOGRAM,
    unit="s",
    description="How long after the last poll of its process a poll has begun.",
    buckets=WORK_BUCKETS,
)
CALL_DURATION = Metric(
    name="batchmgr.client.duration",
    kind=MetricKind.HISTOGRAM,
    unit="s",
    description="How long calls to Azure took, retries included. An error has `error.type`.",
    attributes=(SERVICE, OPERATION, ERROR_TYPE),
    buckets=CALL_BUCKETS,
)
THROTTLES = Metric(
    name="batchmgr.client.throttles",
    kind=MetricKind.COUNTER,
    unit="{response}",
    description="How often a service has answered a call, or a retry of it, with 429 or 503.",
    attributes=(SERVICE, OPERATION, STATUS_CODE),
)
CALLBACK_AGE = Metric(
    name="batchmgr.callback.age",
    kind=MetricKind.HISTOGRAM,
    unit="s",
    description="How long after the end of its job an attempt to deliver a callback has ended, or after the "
    "first of its events one to tell a webhook.",
    attributes=(CALLBACK_KIND, CALLBACK_OUTCOME),
    buckets=WORK_BUCKETS,
)
DEAD_LETTERS = Metric(
    name="batchmgr.dead_letter.messages",
    kind=MetricKind.GAUGE,
    unit="{message}",
    description="Messages in a poison queue, at the last poll. It is 32 if there are more.",
    attributes=(QUEUE,),
)
OUTBOX_AGE = Metric(
    name="batchmgr.outbox.age",
    kind=MetricKind.HISTOGRAM,
    unit="s",
    description="How long after the change of the record its events were in the log.",
    buckets=WORK_BUCKETS,
)
UNSENT_AGE = Metric(
    name="batchmgr.outbox.unsent.age",
    kind=MetricKind.GAUGE,
    unit="s",
    description="How long the progress queue has been behind the log of a job, at most, at the last poll.",
)

METRICS = (
    JOBS_ENTERED,
    STATE_DURATION,
    ACTIVE_JOBS,
    OLDEST_JOB,
    WAITING_JOBS,
    TASKS,
    TASK_EVENTS,
    POLL_DURATION,
    POLL_LAG,
    CALL_DURATION,
    THROTTLES,
    CALLBACK_AGE,
    DEAD_LETTERS,
    OUTBOX_AGE,
    UNSENT_AGE,
)
"""All metrics."""
