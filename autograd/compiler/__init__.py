"""Compiled mode: a function of Values is traced once and replayed as a program.

``step = compile(loss)`` consists of small passes, each in a file of its own. Each folder imports only those
above it in this list; the files of ``compiler`` itself come after them all:

- ``record``: ``arguments``, the numbers of a call, and its shape, which selects the programs; ``trace`` runs
  the function once on Values and records the graph and the comparisons; ``aux``, its second result
- ``ir``: ``tape``, instructions without repetitions, with constants folded; ``patterns``, the instructions of
  a rule; ``fused``, sums of products; ``listing``, the instructions as text
- ``passes``: ``vectorize``, isomorphic terms of a sum become one term with a batch axis; ``differentiate``,
  the backward pass, from the table of primitives; ``expand``; ``plan``, all passes of a step; ``batch_size``,
  a program for another batch size; ``fuse``, sums of products as one instruction; ``schedule``, their order
- ``backends``: ``python``, ``numpy`` and ``numba`` run a plan; ``choose`` selects one; ``memory``, its layout
- ``guards``: the state that a function reads, compared at each call
- ``build``, ``calls``, ``replay``: trace, replay, audit, or fall back to eager execution
- ``program``: ``compile()`` and its steps; ``derivatives``: values, gradients and Hessians
- ``explain``: a program as text and as a picture; ``structure``: a large one as layers; ``c_source``: as C;
  ``pickling``: checks of a step in a pickle; ``progress``
"""
