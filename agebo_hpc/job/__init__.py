"""What the batch system and the kernel say of the job that this process runs in."""
