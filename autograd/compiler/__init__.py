"""The second gear: a function of Values recorded once and replayed as a flat program.

``step = compile(loss)`` is made of small passes, each in a file of its own. Each folder imports only those
above it in this list, and the files of ``compiler`` itself stand below them all:

- ``record``: ``arguments`` has the numbers of a call, and its shape, by which programs are distinguished;
  ``trace`` runs the function once on Values, and keeps the graph and the comparisons it decided by
- ``ir``: ``tape``, instructions without repetitions, constants folded; ``patterns`` of them, read from a rule
  once; ``listing``, the instructions by name
- ``passes``: ``vectorize``, a sum of like terms is the term once, its leaves in lanes; ``differentiate``, the
  backward pass from the rules of the table; ``expand``; ``plan``, a step as a whole; ``batch_size``, another
  size without another recording; ``fuse``, sums of products as one instruction; ``schedule``, what runs when
- ``backends``: ``python``, ``numpy`` and ``numba`` run a plan; ``choose`` one; ``memory``, where numbers are
- ``replay``: when to record, replay, check against eager (``audit``), or fall back to it
- ``program``: ``compile()``, what a step is; ``derivatives``: values, gradients and Hessians by the arguments
- ``explain``: a program as text and as a picture; ``pickling``: a program in a pickle; ``progress``
"""
