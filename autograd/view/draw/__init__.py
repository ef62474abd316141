"""Drawings and text tables of a picture."""
