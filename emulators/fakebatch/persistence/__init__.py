"""What the service knows, kept in a directory over its end, however it ends."""
