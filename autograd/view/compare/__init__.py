"""Comparison of two graphs or snapshots, and of a graph with PyTorch."""
