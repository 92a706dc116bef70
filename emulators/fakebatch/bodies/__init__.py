"""The JSON of requests and responses: accepted properties, defaults, and views."""
