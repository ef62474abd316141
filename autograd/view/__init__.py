"""Views of a graph. Each folder imports only those above it in this list:

- ``render``: colors, tables, the terminal, the graphviz program
- ``notation``: numbers, names and formulas, written as text, LaTeX and MathML
- ``picture``: the cards and arrows of a graph, and their positions
- ``network``: a graph by neuron and layer
- ``draw``: a picture as a drawing or as a table of text
- ``steps``: a pass step by step, as a page, a table or an animation
- ``explain``: derivations, formulas, the tree in a terminal, the messages of ``detect_anomaly``
- ``compare``: two snapshots or graphs side by side, and a graph compared with PyTorch
- ``training``: gradients and activations by layer, and a live view of a training loop
"""
