"""torchvision's ResNets for tests that compare ours with them.

    python resnet.py make DEPTH OUT.safetensors
    python resnet.py predict MODEL.safetensors IMAGES.npy OUT.json
    python resnet.py forward OUT.json

`make` writes a network of 1000 classes with random weights and random moving statistics. `predict` loads an exported
model, which must fit torchvision's network tensor for tensor, and answers for u8 images in N,C,H,W order, normalised as
the file's metadata says; OUT.json gets {"probabilities": [[...], ...], "metadata": {...}}. `forward` writes the
golden forward.json. Needs torchvision and safetensors (README.md).
"""
import json
import sys

import numpy as np
import torch
import torchvision
from safetensors import safe_open
from safetensors.torch import load_file, save_file


def network(depth, classes):
    return getattr(torchvision.models, f"resnet{depth}")(num_classes=classes)


def make(depth, out):
    torch.manual_seed(0)
    model = network(depth, 1000)
    for part in model.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(part.weight, 0.75, 1.25)
            torch.nn.init.uniform_(part.bias, -0.1, 0.1)
            part.running_mean.uniform_(-0.1, 0.1)
            part.running_var.uniform_(0.5, 1.5)
    save_file(model.state_dict(), out, metadata={"format": "pt"})


def predict(file, images, out):
    with safe_open(file, framework="pt") as opened:
        metadata = opened.metadata()
    tensors = load_file(file)
    model = network(metadata["num_layers"], len(tensors["fc.bias"]))
    model.load_state_dict(tensors, strict=True)
    model.eval()
    mean, std = (torch.tensor(json.loads(metadata[name])).view(1, -1, 1, 1) for name in ("mean", "std"))
    pixels = torch.from_numpy(np.load(images)).float() / 255
    with torch.no_grad():
        probabilities = torch.softmax(model((pixels - mean) / std), 1)
    with open(out, "w", encoding="utf-8") as answer:
        json.dump({"probabilities": probabilities.double().tolist(), "metadata": metadata}, answer)


def stream(name, count):
    """The first `count` numbers in [0, 1) of the stream of ../network/README.md with that name."""
    state = 0xCBF29CE484222325
    for byte in name.encode():
        state = (state ^ byte) * 0x100000001B3 % 2**64
    with np.errstate(over="ignore"):
        z = np.uint64(state) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return ((z ^ z >> np.uint64(31)) >> np.uint64(40)).astype(np.float64) / 2**24


def our_name(name, is_norm):
    """What our graph calls a tensor of torchvision's."""
    *place, field = name.split(".")
    if is_norm:
        field = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_var"}[field]
    layer = ".".join(place[2:]) if place[0].startswith("layer") else place[0]
    layer = {"downsample.0": "sc", "downsample.1": "sc_bn"}.get(layer, layer)
    if place[0].startswith("layer"):
        return f"stage{place[0][5:]}_unit{int(place[1]) + 1}_{layer}_{field}"
    return f"{ {'conv1': 'conv0', 'bn1': 'bn0', 'fc': 'fc1'}[layer]}_{field}"


def golden_values(name, shape):
    u = stream(name, int(np.prod(shape)))
    if name.endswith("_weight"):
        values = (2 * u - 1) * 3**0.5 * (2 / np.prod(shape[1:])) ** 0.5
    elif name.endswith("_gamma"):
        values = 0.75 + 0.5 * u
    elif name.endswith("_moving_var"):
        values = 0.5 + u
    else:
        values = (u - 0.5) * 0.2
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


def forward(out):
    cases = []
    for depth, (height, width), classes in [(18, (64, 48), 7), (34, (40, 36), 10), (50, (45, 64), 10), (101, (48, 48), 10)]:
        model = network(depth, classes).eval()
        for place, part in model.named_modules():
            is_norm = isinstance(part, torch.nn.BatchNorm2d)
            for field, tensor in [*part.named_parameters(recurse=False), *part.named_buffers(recurse=False)]:
                if field != "num_batches_tracked":
                    name = our_name(f"{place}.{field}", is_norm)
                    tensor.data.copy_(golden_values(name, tuple(tensor.shape)))
        pixels = np.floor(256 * stream("data", 3 * 3 * height * width)).reshape(3, 3, height, width)
        mean, std = (np.array(values).reshape(1, 3, 1, 1) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
        with torch.no_grad():
            logits = model(torch.from_numpy((pixels / 255 - mean) / std).float())
        cases.append({"num_layers": depth, "image_shape": [3, height, width], "num_classes": classes,
                      "logits": logits.double().tolist()})
    with open(out, "w", encoding="utf-8") as file:
        json.dump(cases, file, indent=1)
        file.write("\n")


def main():
    match sys.argv[1:]:
        case ["make", depth, out]:
            make(depth, out)
        case ["predict", file, images, out]:
            predict(file, images, out)
        case ["forward", out]:
            forward(out)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
