"""Saving a model to a file and loading it again."""
