"""Layers: neurons and MLPs, sequences of modules, norms, dropout, recurrent cells."""
