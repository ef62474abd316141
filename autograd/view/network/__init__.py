"""Neurons and layers of a graph."""
