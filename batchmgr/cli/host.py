"""`batchmgr host`: run an Azure Functions app on this machine, where `func start` is not installed."""

from functions_host.host_command import add_arguments, run

__all__ = ["add_arguments", "run"]
