"""The list of all operations of the service."""

from typing import Final

from fakebatch.operations import (
    account_operations,
    application_operations,
    autoscale_operations,
    file_operations,
    job_operations,
    job_schedule_operations,
    node_access_operations,
    node_operations,
    pool_operations,
    task_operations,
)

OPERATIONS: Final = (
    *account_operations.OPERATIONS,
    *application_operations.OPERATIONS,
    *pool_operations.OPERATIONS,
    *autoscale_operations.OPERATIONS,
    *node_operations.OPERATIONS,
    *node_access_operations.OPERATIONS,
    *job_operations.OPERATIONS,
    *job_schedule_operations.OPERATIONS,
    *task_operations.OPERATIONS,
    *file_operations.OPERATIONS,
)
