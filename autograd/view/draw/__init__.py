"""A picture as a drawing, and as a table of text."""
