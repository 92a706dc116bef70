"""The names of operations, as fault rules use them.

They are the names of the methods of the Python client, without the `begin_` of long-running operations.
"""

import re
from typing import Final

_NAMES: Final = {
    "GET /applications": "list_applications",
    "GET /applications/{}": "get_application",
    "GET /poolusagemetrics": "list_pool_usage_metrics",
    "POST /pools": "create_pool",
    "GET /pools": "list_pools",
    "DELETE /pools/{}": "delete_pool",
    "HEAD /pools/{}": "pool_exists",
    "GET /pools/{}": "get_pool",
    "PATCH /pools/{}": "update_pool",
    "POST /pools/{}/disableautoscale": "disable_pool_auto_scale",
    "POST /pools/{}/enableautoscale": "enable_pool_auto_scale",
    "POST /pools/{}/evaluateautoscale": "evaluate_pool_auto_scale",
    "POST /pools/{}/resize": "resize_pool",
    "POST /pools/{}/stopresize": "stop_pool_resize",
    "POST /pools/{}/updateproperties": "replace_pool_properties",
    "POST /pools/{}/removenodes": "remove_nodes",
    "GET /supportedimages": "list_supported_images",
    "GET /nodecounts": "list_pool_node_counts",
    "DELETE /jobs/{}": "delete_job",
    "GET /jobs/{}": "get_job",
    "PATCH /jobs/{}": "update_job",
    "PUT /jobs/{}": "replace_job",
    "POST /jobs/{}/disable": "disable_job",
    "POST /jobs/{}/enable": "enable_job",
    "POST /jobs/{}/terminate": "terminate_job",
    "POST /jobs": "create_job",
    "GET /jobs": "list_jobs",
    "GET /jobschedules/{}/jobs": "list_jobs_from_schedule",
    "GET /jobs/{}/jobpreparationandreleasetaskstatus": "list_job_preparation_and_release_task_status",
    "GET /jobs/{}/taskcounts": "get_job_task_counts",
    "HEAD /jobschedules/{}": "job_schedule_exists",
    "DELETE /jobschedules/{}": "delete_job_schedule",
    "GET /jobschedules/{}": "get_job_schedule",
    "PATCH /jobschedules/{}": "update_job_schedule",
    "PUT /jobschedules/{}": "replace_job_schedule",
    "POST /jobschedules/{}/disable": "disable_job_schedule",
    "POST /jobschedules/{}/enable": "enable_job_schedule",
    "POST /jobschedules/{}/terminate": "terminate_job_schedule",
    "POST /jobschedules": "create_job_schedule",
    "GET /jobschedules": "list_job_schedules",
    "POST /jobs/{}/tasks": "create_task",
    "GET /jobs/{}/tasks": "list_tasks",
    "POST /jobs/{}/addtaskcollection": "create_task_collection",
    "DELETE /jobs/{}/tasks/{}": "delete_task",
    "GET /jobs/{}/tasks/{}": "get_task",
    "PUT /jobs/{}/tasks/{}": "replace_task",
    "GET /jobs/{}/tasks/{}/subtasksinfo": "list_subtasks",
    "POST /jobs/{}/tasks/{}/terminate": "terminate_task",
    "POST /jobs/{}/tasks/{}/reactivate": "reactivate_task",
    "DELETE /jobs/{}/tasks/{}/files/{}": "delete_task_file",
    "GET /jobs/{}/tasks/{}/files/{}": "download_task_file",
    "HEAD /jobs/{}/tasks/{}/files/{}": "get_task_file_properties",
    "GET /jobs/{}/tasks/{}/files": "list_task_files",
    "POST /pools/{}/nodes/{}/users": "create_node_user",
    "DELETE /pools/{}/nodes/{}/users/{}": "delete_node_user",
    "PUT /pools/{}/nodes/{}/users/{}": "replace_node_user",
    "GET /pools/{}/nodes/{}": "get_node",
    "POST /pools/{}/nodes/{}/reboot": "reboot_node",
    "POST /pools/{}/nodes/{}/start": "start_node",
    "POST /pools/{}/nodes/{}/reimage": "reimage_node",
    "POST /pools/{}/nodes/{}/deallocate": "deallocate_node",
    "POST /pools/{}/nodes/{}/disablescheduling": "disable_node_scheduling",
    "POST /pools/{}/nodes/{}/enablescheduling": "enable_node_scheduling",
    "GET /pools/{}/nodes/{}/remoteloginsettings": "get_node_remote_login_settings",
    "POST /pools/{}/nodes/{}/uploadbatchservicelogs": "upload_node_logs",
    "GET /pools/{}/nodes": "list_nodes",
    "GET /pools/{}/nodes/{}/extensions/{}": "get_node_extension",
    "GET /pools/{}/nodes/{}/extensions": "list_node_extensions",
    "DELETE /pools/{}/nodes/{}/files/{}": "delete_node_file",
    "GET /pools/{}/nodes/{}/files/{}": "download_node_file",
    "HEAD /pools/{}/nodes/{}/files/{}": "get_node_file_properties",
    "GET /pools/{}/nodes/{}/files": "list_node_files",
}
_PART: Final = re.compile(r"\{[^}]*\}")


def name_of(method: str, path: str) -> str:
    """Return the name of an operation, or its route if it has none. `path` has its ids in braces."""
    route = f"{method} {_PART.sub('{}', path)}"
    return _NAMES.get(route, route)
