"""Files, messages, docstrings, and commands in a shell. These modules use no Value."""
