"""Faults on demand: what can go wrong between a client and the service, and when it does."""
