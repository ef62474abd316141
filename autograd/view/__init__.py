"""Looking at a graph: what to show is decided once (graph.py, stepping.py), then rendered."""
