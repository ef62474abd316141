"""Why a number is what it is: derivations, formulas, the tree of a graph, the messages about nan and inf."""
