"""An embedded Azure Functions host: runs a Python v2-model function app where `func start` is not installed.

`server.Host` is the entry point; `docs/embedded-host.md` says what is the same as in Azure and what differs.
"""
