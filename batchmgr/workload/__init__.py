"""The programming model: what workload authors import (from `batchmgr`), and what batchmgr makes of it.

Only the standard library is behind it, for tasks start here, some under an old Python. What only the control
plane needs, `registry`, is apart.
"""
