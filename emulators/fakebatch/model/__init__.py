"""The entities of the service as immutable values, and their state transitions. No I/O, no clock, no HTTP."""
