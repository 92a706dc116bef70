"""A stand-in for the Azure Batch service: its REST protocol over plain HTTP, and tasks that really run.

It is an oracle, reached over HTTP only: it imports nothing of the rest of the project. Inside, dependencies
point one way: command, server, operations, engine, runs and placement, execution, store, bodies, model, wire.
"""
