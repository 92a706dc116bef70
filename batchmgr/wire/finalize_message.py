"""The finalize message: the content of the finalize blob. That the blob is there is what counts."""

import json


def finalize_message(job_id: str, *, written_by: str, reason: str = "") -> str:
    """The JSON of a finalize blob. `written_by` is `FinalizeTask` or `batchmgr`."""
    content = {"jobId": job_id, "writtenBy": written_by}
    return json.dumps(content | ({"reason": reason} if reason else {}))
