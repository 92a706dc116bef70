"""What each route of the HTTP API takes and answers: for the OpenAPI document.

`docs/http-api.md` says the same in words. The tests compare both with the routes and with real answers.
"""

from batchmgr.functions import operations_of_app, operations_of_jobs, operations_of_tasks

API_VERSION = "1"
"""That of the job message, and of all answers. Fields and routes may be added without another version."""

OPERATIONS = (
    *operations_of_jobs.OPERATIONS,
    *operations_of_tasks.OPERATIONS,
    *operations_of_app.OPERATIONS,
)
"""The operations of the API. Their ids are the commands of the command line, where there is one."""
