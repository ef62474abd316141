"""The operating system: atomic writes of files, and the manners of a command in a shell."""
