"""A fake Azure Batch: it serves the REST API of the Batch service over HTTP, and really runs the tasks.

Start it with `python -m fakebatch`, or use it in tests through `fakebatch.testing` and the pytest fixture
`fake_batch`. It imports nothing of batchmgr, so that its behaviour does not depend on the code it tests.

Dependencies point one way: serve_command, server, operations, engine, active_runs and task_scheduler,
execution, store, bodies, model, wire.
"""
