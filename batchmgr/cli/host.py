"""`batchmgr host`: run an Azure Functions app on this machine, where `func start` is not installed."""

from functions_host.host_arguments import add_arguments
from functions_host.host_command import run

__all__ = ["add_arguments", "run"]
