"""Creates workload packages from a template, builds their application packages, and publishes those.

This code runs on a developer's machine and in pipelines. It never runs in the app or on a node.
"""
