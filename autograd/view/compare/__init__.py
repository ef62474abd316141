"""Two graphs, or two moments of one, side by side; and a graph compared with PyTorch."""
