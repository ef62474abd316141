"""What runs a plan: Python, NumPy or numba, and where its numbers are in memory."""
