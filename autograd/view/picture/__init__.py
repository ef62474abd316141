"""A picture of a graph before it is drawn: its cards and arrows, and where they stand."""
