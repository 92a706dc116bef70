"""The finalize message: the content of the finalize blob. Only that the blob exists matters to batchmgr."""

import json


def finalize_message(job_id: str, *, written_by: str, reason: str = "") -> str:
    """Return the JSON of a finalize blob. `written_by` is `FinalizeTask` or `batchmgr`."""
    content = {"jobId": job_id, "writtenBy": written_by}
    return json.dumps(content | ({"reason": reason} if reason else {}))
