"""The request bodies the service accepts, with the defaults it fills in, and the views it answers with."""
