"""Tasks that take time without doing anything, on a clock that may run fast."""
