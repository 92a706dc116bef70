"""A workload as the users of batchmgr write it: two tasks, one after the other, and a summary of both."""
