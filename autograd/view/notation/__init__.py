"""Notation of all views: numbers, names and formulas."""
