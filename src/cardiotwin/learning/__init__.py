"""Training: optimizers, one loop with logs and checkpoints, many seeds at once."""
