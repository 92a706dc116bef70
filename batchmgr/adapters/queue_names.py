"""The names of the storage queues. The triggers need them before anything of Azure is imported."""

JOB_REQUESTS = "batchmgr-job-requests"
CALLBACKS = "batchmgr-callbacks"
FINALIZE = "batchmgr-finalize"
POLLS = "batchmgr-polls"
PROGRESS = "batchmgr-progress"
POISON = "-poison"
"""Suffix of the name of a poison queue. Azure Functions prescribes it."""

CALLBACKS_POISON = CALLBACKS + POISON
QUEUES = tuple(
    name + suffix for name in (JOB_REQUESTS, CALLBACKS, FINALIZE, POLLS, PROGRESS) for suffix in ("", POISON)
)
