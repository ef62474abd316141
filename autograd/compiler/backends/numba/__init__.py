"""The numba backend: a plan lowered to numbers, run by an interpreter that numba compiles once."""
