"""The programming model: classes that workload authors import from `batchmgr`, and code that runs them.

Nodes run this package, some with Python 3.8. So it imports only the standard library, `batchmgr.plan` and
`batchmgr.errors`.
"""
