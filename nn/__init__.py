"""Neural networks on top of ``autograd``: neurons, layers, MLPs."""
