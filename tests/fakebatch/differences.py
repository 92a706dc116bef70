"""All the ways in which the local service is known to answer otherwise than the recorded one did, and why.

A difference is named by its place, `<session> <number of the exchange> <place in the answer>`, and its kind:
`missing` (only the recorded answer has it), `added` (only the local one has it), `changed` or `moved`.
"""

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Known:
    """Differences that are known: those whose place matches `where`, for one reason."""

    where: str
    reason: str

    def covers(self, difference: str) -> bool:
        return re.search(self.where, difference) is not None


KNOWN: Final = (
    Known(
        r"/(allocationState|currentDedicatedNodes|currentLowPriorityNodes|resizeErrors) ",
        "Nodes are there as soon as they are asked for: a resize is over before it is seen or stopped.",
    ),
    Known(
        r"(compute_node|compute_nodes|network_configuration|files) .*/(state|lastBootTime) ",
        "Nodes are there as soon as they are asked for: they are never seen being created.",
    ),
    Known(
        r"/certificateReferences missing|/(ipAddress|publicIPAddress|publicFQDN) changed",
        "Nodes are processes: they have no certificates, and no address outside of this machine.",
    ),
    Known(
        r"compute_node_user 0 .*/endpointConfiguration/inboundEndpoints\[0\]/",
        "The recorded node is a Windows machine of a cloud service, with an endpoint for remote desktop.",
    ),
    Known(
        r"network_configuration 2 .*/nodeAgentInfo added",
        "The recorded node had just been created, and its agent was not there yet.",
    ),
    Known(
        r"/virtualMachineInfo added",
        "Later versions of the service show this property, and the contract requires it.",
    ),
    Known(
        r"/(maxParallelTasks|allowTaskPreemption|deallocated|deallocating|upgradingOS) added",
        "Later versions of the service show these properties; recordings of later versions have them.",
    ),
    Known(
        r"/(target|current)NodeCommunicationMode missing",
        "The service fills in the mode on pools that did not ask for one; nothing here depends on it.",
    ),
    Known(
        r"/windowsUserConfiguration missing",
        "The mode of login is filled in for Windows nodes. Here nodes are what this machine is.",
    ),
    Known(
        r"job_list_cmd (0|2|5) status changed|job_list_cmd 3 body/value changed: 2 -> 1",
        "An auto pool with certificates is refused at once, where the service let its job fail.",
    ),
    Known(
        r"pool_cmd (1|2|3) status changed|create_pools (2|3) status changed: 400 -> 201|"
        r"create_pools 10 body/value changed: 4 -> 6",
        "Images and subnets are not looked up, so unknown ones are not refused, and the next pool exists.",
    ),
    Known(
        r"pool_cmd 7 body/value\[1\]/lowPriority/(startTaskFailed|total|idle) changed",
        "The nodes are there already, and their start task is a command of Windows.",
    ),
    Known(
        r"pools_and_nodes 13 status changed: 500 -> 200",
        "The service timed out.",
    ),
    Known(
        r"task_create_cmd 9 body/value\[[12]\]/(taskId|location) changed",
        "The service gives the results of a collection in no certain order.",
    ),
    Known(
        r"task_of_a_user 1 body/(executionInfo/(exitCode|failureInfo)|nodeInfo/taskRootDirectory)",
        "The command and the paths are those of Windows.",
    ),
    Known(
        r"applications (0 body/value changed: 1 -> 0|[123] status changed)",
        "The account of the recording has an application package.",
    ),
    Known(
        r"compute_node_user 3 status changed: 200 -> 409",
        "Remote desktop was for Windows nodes of cloud services, which there are none of.",
    ),
    Known(
        r"compute_nodes 2 body/(numberOfFilesUploaded|virtualDirectoryName) changed",
        "The logs are one file; the name of their directory is derived from the account and random.",
    ),
    Known(
        r"compute_nodes 6 status changed: 409 -> 202",
        "Later versions of the service reimage nodes of all pools, not only of cloud services.",
    ),
    Known(
        r"dataserviceid changed.*/jobs/batch[0-9a-f]{8}/|ocp-batch-file-url changed.*/batch[0-9a-f]{8}/",
        "The names of the recording were shortened, but not in all headers.",
    ),
    Known(
        r"python-2020-09-files (3|7) body/value",
        "A node also has the directories certs, applications and volatile; and this list is not in order.",
    ),
    Known(
        r"python-2025-task_files 0 body/value",
        "Windows keeps the time of creation instead of a mode. The error output had been deleted.",
    ),
    Known(
        r"(jobs 12|scale_pools 7) status changed: 200 -> 400",
        "The statistics of the whole life of an account are in none of the versions spoken.",
    ),
)
