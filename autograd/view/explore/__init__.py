"""A graph as a page in which numbers can be dragged."""
