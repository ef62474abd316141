"""The backends that run a plan: Python, NumPy and numba; the choice of one, and the layout of memory."""
