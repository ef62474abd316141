"""The numba backend: a plan is lowered to an array of ints, and numba compiles its interpreter once."""
