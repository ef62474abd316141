"""What every view is shown with: colors, tables, the terminal, the graphviz program."""
