"""The state of the service as pure values, and the transitions between them: no I/O, no clock, no HTTP."""
