"""A stand-in for the Event Grid system topic of a storage account, which Azurite does not have.

It watches the containers of an account, and sends an event `Microsoft.Storage.BlobCreated` to a webhook for
each new or overwritten blob. With it, blob functions with the source `EventGrid` run on one machine.

It is a program of its own: `python -m functions_host.event_grid --help`.
"""
