"""Where the package meets the outside: files, messages, docstrings, a command in a shell."""
