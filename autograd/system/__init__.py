"""Where the package meets the outside: atomic writes of files, text in messages, a command in a shell."""
