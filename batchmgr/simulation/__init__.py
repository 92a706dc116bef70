"""What a job would take on pools that may be: `batchmgr simulate`. It only reads, and starts no job."""
