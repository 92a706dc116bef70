"""A stand-in for what Microsoft Entra does for managed identities: it issues tokens, and checks roles.

It serves the identity endpoints of App Service and of virtual machines, and a gateway before each service
that takes these tokens: blob storage, queue storage, Azure Batch. The gateway refuses what the roles of the
caller don't allow, as Azure does. Everything else it passes on.
"""
