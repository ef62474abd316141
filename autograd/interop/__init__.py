"""Objects of other libraries: their real numbers, NumPy's functions, the names of other engines."""
