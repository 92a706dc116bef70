"""The state of the service in a directory, so that it survives a restart or a crash."""
