"""Models from and to PyTorch."""
