"""What outlives a process: modules and their Variables, checkpoints, saved models."""
