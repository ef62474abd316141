"""Neural networks on top of ``autograd``: neurons, layers, MLPs, recurrent cells."""

import autograd

if not hasattr(autograd, "topological_order"):
    raise ImportError(
        f"the autograd found at {autograd.__file__} is not glassgrad's but HIPS autograd: uninstall both "
        "(pip uninstall autograd glassgrad), then install glassgrad where the other is not"
    )

from . import data, init
from .clip import clip_grad_norm_, clip_grad_value_
from .dropout import Dropout
from .history import History
from .layers import MLP, Layer, Neuron
from .losses import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    hinge_loss,
    huber_loss,
    l1_loss,
    mse_loss,
)
from .measures import accuracy
from .module import Module, Parameter, functional_call
from .norm import BatchNorm1d, LayerNorm, RMSNorm
from .optim import SGD, Adam, AdamW, Optimizer, RMSprop
from .penalties import l1_penalty, l2_penalty
from .pytorch import from_torch, to_torch
from .recurrent import LSTMCell, RNNCell, detached, unroll
from .saving import load, save
from .schedules import CosineAnnealingLR, LambdaLR, LinearLR, Schedule, StepLR
from .sequential import Activation, Sequential
from .training import evaluate, fit

__all__ = [
    "MLP",
    "SGD",
    "Activation",
    "Adam",
    "AdamW",
    "BatchNorm1d",
    "CosineAnnealingLR",
    "Dropout",
    "History",
    "LSTMCell",
    "LambdaLR",
    "Layer",
    "LayerNorm",
    "LinearLR",
    "Module",
    "Neuron",
    "Optimizer",
    "Parameter",
    "RMSNorm",
    "RMSprop",
    "RNNCell",
    "Schedule",
    "Sequential",
    "StepLR",
    "accuracy",
    "binary_cross_entropy_with_logits",
    "clip_grad_norm_",
    "clip_grad_value_",
    "cross_entropy",
    "data",
    "detached",
    "evaluate",
    "fit",
    "from_torch",
    "functional_call",
    "hinge_loss",
    "huber_loss",
    "init",
    "l1_loss",
    "l1_penalty",
    "l2_penalty",
    "load",
    "mse_loss",
    "save",
    "to_torch",
    "unroll",
]
