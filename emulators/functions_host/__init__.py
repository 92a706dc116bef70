"""A local Azure Functions host for Python apps of the v2 programming model, for machines without Core Tools.

Start it with `python -m functions_host`. In Python, use `functions_host.job_host.JobHost`.
`docs/embedded-host.md` says what behaves as in Azure and what differs.
"""
