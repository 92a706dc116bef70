"""Workload packages: a new one from a template, its application package, and the publishing of that.

This runs on a developer's machine and in pipelines, never in the app, and never on a node.
"""
