"""Training: the loop, its runs and their history, samples, metrics and progress."""
