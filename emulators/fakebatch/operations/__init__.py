"""The operations of the service, one module for each resource. Each module ends with its table of routes."""
