"""A pass through a graph, step by step: as a page, a table or an animation."""
