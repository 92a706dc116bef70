"""`batchmgr fakebatch`: the same command as `python -m fakebatch`."""

from fakebatch.serve_arguments import add_arguments
from fakebatch.serve_command import run

__all__ = ["add_arguments", "run"]
