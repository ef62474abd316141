"""Explanations: derivations, formulas, the tree of a graph, the messages of ``detect_anomaly()``."""
