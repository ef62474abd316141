"""A graph by neuron and layer: which Values form a neuron, which neurons form a layer."""
