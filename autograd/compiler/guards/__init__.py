"""Guards: what a function reads from outside, compared at each call with what it was when it was traced."""
