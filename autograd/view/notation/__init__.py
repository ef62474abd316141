"""Numbers, names and formulas, written the same in every view."""
