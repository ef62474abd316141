"""The second gear: a function of Values recorded once and replayed as a flat program.

``step = compile(loss)`` is made of small passes, each in a file of its own::

    arguments   the numbers of a call, and its shape, by which programs are distinguished
    trace       the function run once on Values: a graph, and the comparisons it decided by
    batch       a sum of like terms: the term once, and its leaves as lanes
    sizes       another size of batch without another recording: what depends on the size
    tape        instructions without repetitions, constants folded
    derive      the backward pass emitted as instructions, from the rules of the table
    fuse        sums of sums and products: one instruction each
    schedule    what runs once for the arguments, before, within and after the lanes; level by level
    machine     the numba backend's program and memory; interpreter: what numba compiles, once for all
    *_backend   the instructions run, by plain Python, NumPy or numba
    replay      when to record, replay, check against eager (audit), or fall back to it
    program     compile(): what a step is; derivatives: values, gradients and Hessians by the arguments
    explaining  a program as text and as a picture, by the names of a listing; portable: in a pickle
"""
