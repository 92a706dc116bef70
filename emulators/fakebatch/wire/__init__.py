"""The protocol of Azure Batch: requests and responses, signatures, times, lists and their filters."""
