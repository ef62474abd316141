"""Gradients and activations by layer, and a live view of a training loop."""
