"""Neural networks on top of ``autograd``: layers, losses, optimizers, training and saving."""

import autograd

if not hasattr(autograd, "topological_order"):
    raise ImportError(
        "nn expected the package autograd of glassgrad, got another one, HIPS autograd, at "
        f"{autograd.__file__}. "
        "Uninstall both (pip uninstall autograd glassgrad), then install glassgrad again."
    )

from . import data, init
from .layers.dropout import Dropout
from .layers.mlp import MLP, Layer, Neuron
from .layers.norm import BatchNorm1d, LayerNorm, RMSNorm
from .layers.recurrent import LSTMCell, RNNCell, detached, unroll
from .layers.sequential import Activation, Sequential
from .losses import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    hinge_loss,
    huber_loss,
    l1_loss,
    mse_loss,
)
from .module import Module, Parameter, functional_call
from .optim.clip import clip_grad_norm_, clip_grad_value_
from .optim.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop
from .optim.schedules import CosineAnnealingLR, LambdaLR, LinearLR, Schedule, StepLR
from .penalties import l1_penalty, l2_penalty
from .pytorch.convert import from_torch, to_torch
from .saving.saving import load, save
from .training.fit import evaluate, fit
from .training.history import History
from .training.metrics import accuracy

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
