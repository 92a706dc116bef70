"""Makes CloudEvents with the fields that the demo reads."""

from collections.abc import Mapping


def event(name: str, **data: object) -> Mapping[str, object]:
    return {"type": f"batchmgr.{name}", "subject": "jobs/kmers-1", "data": {"jobId": "kmers-1", **data}}
