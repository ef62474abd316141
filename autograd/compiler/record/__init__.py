"""Tracing: the arguments of a call, and the graph that the function computes from them."""
