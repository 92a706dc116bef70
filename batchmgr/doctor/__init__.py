"""Looks at what surrounds an app, and says for each point: fine, or what is wrong and what mends it."""
