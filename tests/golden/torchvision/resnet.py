"""torchvision's ResNets for tests that compare ours with them.

    python resnet.py make DEPTH OUT.safetensors
    python resnet.py predict MODEL.safetensors IMAGES.npy OUT.json

`make` writes a network of 1000 classes with random weights and random moving statistics. `predict` loads an exported
model, which must fit torchvision's network tensor for tensor, and answers for u8 images in N,C,H,W order, normalised as
the file's metadata says; OUT.json gets {"probabilities": [[...], ...], "metadata": {...}}. Needs torchvision and
safetensors (README.md).
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


def main():
    match sys.argv[1:]:
        case ["make", depth, out]:
            make(depth, out)
        case ["predict", file, images, out]:
            predict(file, images, out)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
