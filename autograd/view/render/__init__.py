"""Output of all views: colors, tables, the terminal, the graphviz program."""
