"""Neural networks on top of ``autograd``: neurons, layers, MLPs, recurrent cells."""

import autograd

if not hasattr(autograd, "topological_order"):
    raise ImportError(
        f"the autograd found at {autograd.__file__} is not glassgrad's but HIPS autograd: uninstall both "
        "(pip uninstall autograd glassgrad), then install glassgrad where the other is not"
    )

from . import data, init
from .layers import MLP, Layer, Neuron
from .losses import binary_cross_entropy_with_logits, hinge_loss, mse_loss
from .module import Module, Parameter, functional_call
from .optim import SGD
from .pytorch import from_torch, to_torch
from .recurrent import LSTMCell, RNNCell, detached, unroll
from .saving import load, save

__all__ = [
    "MLP",
    "SGD",
    "LSTMCell",
    "Layer",
    "Module",
    "Neuron",
    "Parameter",
    "RNNCell",
    "binary_cross_entropy_with_logits",
    "data",
    "detached",
    "from_torch",
    "functional_call",
    "hinge_loss",
    "init",
    "load",
    "mse_loss",
    "save",
    "to_torch",
    "unroll",
]
