"""The command line."""

from batchmgr import Application
from unruly_workload import UnrulyWorkload

if __name__ == "__main__":
    Application(UnrulyWorkload()).run()
