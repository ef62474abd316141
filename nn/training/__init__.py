"""Training: the loop and its runs, their history, samples, metrics and progress."""
