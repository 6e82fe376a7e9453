"""The weights of a live figure: int8 with one scale for each output of a layer, float32 biases, as base64."""

import base64
import copy
import math

import numpy as np
import torch
from torch import nn

from vaebook.objectives import negative_elbo

LEVELS = 127  # int8 without its lowest value, so that a weight and its negative agree


def linear_layers(network):
    """The linear layers of an encoder or decoder as (weight `(O, I)`, bias `(O,)`).

    The two layers of a Gaussian head count as one, mu above logvar. Layers with a
    probability p, noise or dropout, pass everything on in evaluation mode, and are left out.
    Raises TypeError for a network of anything else but linear layers and ReLUs.
    """
    found = []
    for module in network:
        if hasattr(module, "mu"):  # the chapter shows, and so has, a class of its own
            pair = module.mu, module.logvar
            weight, bias = (
                torch.cat([getattr(layer, name) for layer in pair])
                for name in ("weight", "bias")
            )
            found.append((weight, bias))
        elif isinstance(module, nn.Linear):
            found.append((module.weight, module.bias))
        elif not isinstance(module, nn.ReLU) and not hasattr(module, "p"):
            came = type(module).__name__
            raise TypeError(f"network must hold linear layers and ReLUs, got {came}")
    return [(weight.detach().cpu(), bias.detach().cpu()) for weight, bias in found]


def quantise(weight):
    """Round weights `(O, I)` to int8 with one scale for each row: integers and scales `(O,)`.

    weight is about integers * scale[:, None]; a row of zeros has the scale 1.
    """
    largest = weight.abs().amax(1)
    scale = torch.where(largest > 0, largest / LEVELS, torch.ones_like(largest))
    return (weight / scale[:, None]).round().to(torch.int8), scale


def with_rounded_weights(model, x=None):
    """A copy of a model with the weights that a page gets.

    x: `(B, D)`, all the training data. At pixels that no row ever lights, the encoder's
    weights are set to zero, which changes nothing on such data, and the decoder gives
    the log-odds of half a row in B, whatever the code: what does not vary packs better.
    """
    rounded = copy.deepcopy(model)
    if x is not None:
        never = (x == 0).all(0)
        first = next(m for m in rounded.encode.modules() if isinstance(m, nn.Linear))
        last = [m for m in rounded.decode.modules() if isinstance(m, nn.Linear)][-1]
        first.weight.data[:, never] = 0
        last.weight.data[never] = 0
        last.bias.data[never] = -math.log(2 * len(x))
    for module in rounded.modules():
        if isinstance(module, nn.Linear):
            integers, scale = quantise(module.weight.data)
            module.weight.data = integers * scale[:, None]
    return rounded


def packed(model, parts=("encode", "decode")):
    """The weights of a model of linear layers as base64, and its layers' (inputs, outputs).

    Each layer: float32 scales, float32 biases, int8 weights row by row; the encoder's
    layers first. images.js unpacks them. Returns a text and a dict {encoder, decoder}, or
    of it what belongs to the parts: a figure may take a text for each network, so that
    two figures of a page share one.
    """
    written, sizes = b"", {}
    for part in parts:
        layers = linear_layers(getattr(model, part))
        sizes[f"{part}r"] = [[weight.shape[1], weight.shape[0]] for weight, _ in layers]
        for weight, bias in layers:
            integers, scale = quantise(weight)
            for values in (scale, bias):
                written += values.numpy().astype("<f4").tobytes()
            written += integers.numpy().astype(np.int8).tobytes()
    return base64.b64encode(written).decode("ascii"), sizes


@torch.no_grad()
def shift(model, rounded, x, noise):
    """By how much rounding the weights raises the mean -ELBO on x `(B, D)`, in nats."""
    losses = (negative_elbo(each, x, noise)["loss"].mean() for each in (rounded, model))
    after, before = losses
    return (after - before).item()
