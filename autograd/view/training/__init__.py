"""Gradients and activations by layer, and a training loop as it runs."""
