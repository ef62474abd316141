"""What other libraries bring: their real numbers, NumPy's functions, the names of other engines."""
