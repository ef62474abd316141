"""Cards and arrows of a graph, and their layout."""
