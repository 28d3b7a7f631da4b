"""The algorithm's network in PyTorch: pre-activation, a 3x3 stem for images of at most 32 pixels, raw 0..255 pixels in.

The same tensors as in tests/golden/network/resnet.py, under PyTorch's names.
"""
import torch
from torch import nn
from torch.nn.functional import relu

# Units of each stage, the stem's channels, and the first stage's.
FORMS = {18: ([2, 2, 2, 2], 64, 64), 20: ([3, 3, 3], 16, 16), 50: ([3, 4, 6, 3], 64, 256)}


def convolution(into, out, kernel, stride=1):
    layer = nn.Conv2d(into, out, kernel, stride, kernel // 2, bias=False)
    # Gaussian of variance 2 / fan_in, as everywhere here.
    nn.init.kaiming_normal_(layer.weight)
    return layer


class Unit(nn.Module):
    def __init__(self, into, out, first, stride, epsilon):
        super().__init__()
        self.norms = nn.ModuleList(nn.BatchNorm2d(width, epsilon) for width in (into, out))
        self.convolutions = nn.ModuleList([convolution(into, out, 3, stride), convolution(out, out, 3)])
        self.shortcut = convolution(into, out, 1, stride) if first else None

    def forward(self, x):
        active = relu(self.norms[0](x))
        inner = relu(self.norms[1](self.convolutions[0](active)))
        return self.convolutions[1](inner) + (x if self.shortcut is None else self.shortcut(active))


class Bottleneck(nn.Module):
    def __init__(self, into, out, first, stride, epsilon):
        super().__init__()
        inner = out // 4
        self.norms = nn.ModuleList(nn.BatchNorm2d(width, epsilon) for width in (into, inner, inner))
        self.convolutions = nn.ModuleList(
            [convolution(into, inner, 1), convolution(inner, inner, 3, stride), convolution(inner, out, 1)])
        self.shortcut = convolution(into, out, 1, stride) if first else None

    def forward(self, x):
        active = inner = relu(self.norms[0](x))
        for layer, norm in zip(self.convolutions, list(self.norms[1:]) + [None]):
            inner = layer(inner) if norm is None else relu(norm(layer(inner)))
        return inner + (x if self.shortcut is None else self.shortcut(active))


class ResNet(nn.Module):
    def __init__(self, layers, shape, classes, epsilon):
        super().__init__()
        units, width, out = FORMS[layers]
        self.pixels = nn.BatchNorm2d(shape[0], epsilon)
        self.pixels.weight.requires_grad_(False)
        self.stem = convolution(shape[0], width, 3)
        if shape[1] > 32:
            large = nn.Conv2d(shape[0], width, 7, 2, 3, bias=False)
            nn.init.kaiming_normal_(large.weight)
            self.stem = nn.Sequential(large, nn.BatchNorm2d(width, epsilon), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        kind = Unit if layers < 50 else Bottleneck
        body = []
        for stage, count in enumerate(units):
            for unit in range(count):
                body.append(kind(width, out << stage, unit == 0, 2 if stage and unit == 0 else 1, epsilon))
                width = out << stage
        self.body = nn.Sequential(*body)
        self.last = nn.BatchNorm2d(width, epsilon)
        self.classes = nn.Linear(width, classes)
        nn.init.kaiming_normal_(self.classes.weight)
        nn.init.zeros_(self.classes.bias)

    def forward(self, x):
        x = self.body(self.stem(self.pixels(x)))
        return self.classes(relu(self.last(x)).mean((2, 3)))

    def groups(self):
        """Parameters that decay (weights and gammas) and those that do not (biases and betas)."""
        named = [(name, parameter) for name, parameter in self.named_parameters() if parameter.requires_grad]
        return ([parameter for name, parameter in named if name.endswith("weight")],
                [parameter for name, parameter in named if not name.endswith("weight")])
