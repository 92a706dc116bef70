"""The operations of the service, one module a resource; each module ends with its table of routes."""
