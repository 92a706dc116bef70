"""The names of the blobs in which a job is stored, in one container."""

from batchmgr.plan.ids import job_key

RECORDS = "records/"
RECORD_END = ".json"
ENDED = "ended"
"""The name of the metadata of a record that says when its job has ended."""

RETENTION_PLACE = "retention.json"
"""The blob that says where the retention goes on."""


PARTS = (
    "failures/",
    "overflow/",
    "plans/",
    "receivers/",
    "requests/",
    "tasks/",
    "timelines/",
    "webhooks/",
)
"""Where everything else of a job is, besides its record and its entries in lists."""


def key_of_part(name: str) -> str:
    """Return the key of the job that a blob in one of these folders is of."""
    return name.partition("/")[2].partition("/")[0].partition(".")[0]


def request_name(job_id: str) -> str:
    """Return the name of the blob with the job's message."""
    return f"requests/{job_key(job_id)}.json"


def tasks_name(job_id: str) -> str:
    """Return the name of the blob with the names of the blobs of a taskPerFile factory."""
    return f"tasks/{job_key(job_id)}.json"


def plan_name(job_id: str) -> str:
    """Return the name of the blob with the plan that a workload has made."""
    return f"plans/{job_key(job_id)}.jsonl"


def failures_name(job_id: str) -> str:
    """Return the name of the blob with what is known of the failed tasks."""
    return f"failures/{job_key(job_id)}.json"


def record_name(job_id: str) -> str:
    """Return the name of the blob with the record."""
    return f"{RECORDS}{job_key(job_id)}{RECORD_END}"


def receivers_folder(job_id: str) -> str:
    """Return how the names of the blobs begin that hold the URIs of receivers that were attached later."""
    return f"receivers/{job_key(job_id)}/"


def webhooks_folder(job_id: str) -> str:
    """Return how the names of the blobs begin that hold the statuses of webhooks."""
    return f"webhooks/{job_key(job_id)}/"


def overflow_folder(job_id: str) -> str:
    """Return how the names of the blobs begin that hold what is too large for the record."""
    return f"overflow/{job_key(job_id)}/"
