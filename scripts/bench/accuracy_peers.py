"""One peer's training, for scripts/bench/accuracy, which starts this under the peer's own Python.

    python accuracy_peers.py mxnet|pytorch --data DIR --layers N --batch N --epochs N --rate R --schedule constant|cosine --seed N

The network, the distribution of its initial weights, decay and schedule are those of our job; weights and order are the peer's own draws. DIR holds
train/*.rec and validation/*.rec. Prints `Epoch[n] Validation-accuracy=`.
"""
import argparse
import io
import math
import struct
import sys
from pathlib import Path

import numpy as np
from PIL import Image

import peers

MOMENTUM, DECAY, EPSILON = 0.9, 1e-4, 2e-5


def images(folder):
    """Pixels `[n, 1, h, w]` and classes of a channel's records."""
    pixels, classes = [], []
    for record in peers.headed_records(next(folder.glob("*.rec"))):
        classes.append(int(struct.unpack_from("<f", record, 4)[0]))
        pixels.append(np.asarray(Image.open(io.BytesIO(record[24:]))))
    return np.stack(pixels)[:, None], np.array(classes)


class Mxnet:
    def __init__(self, options, shape, classes):
        sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests/golden/network"))
        import mxnet as mx
        import resnet
        self.mx, self.batch = mx, options.batch
        mx.random.seed(options.seed)
        np.random.seed(options.seed)  # MXNet's initializers draw from it too
        self.module = mx.mod.Module(resnet.resnet(options.layers, shape[1], classes), context=mx.cpu())
        self.module.bind([("data", (options.batch, *shape))], [("softmax_label", (options.batch,))])
        self.module.init_params(mx.init.Xavier(rnd_type="gaussian", factor_type="in", magnitude=2))
        settings = {"learning_rate": options.rate, "momentum": MOMENTUM, "wd": DECAY}
        self.module.init_optimizer(kvstore=None, optimizer="sgd", optimizer_params=settings)

    def data(self, pixels, classes):
        array = self.mx.nd.array
        return self.mx.io.DataBatch([array(pixels.astype("f4"))], [array(classes.astype("f4"))])

    def step(self, pixels, classes, rate):
        self.module._optimizer.lr = rate
        self.module.forward_backward(self.data(pixels, classes))
        self.module.update()
        # As every training loop of MXNet does when it counts right answers. Without it, batches overlap and the loss becomes NaN.
        self.module.get_outputs()[0].wait_to_read()

    def answers(self, pixels):
        missing = self.batch - len(pixels)
        filled = np.concatenate([pixels, np.repeat(pixels[:1], missing, 0)])
        self.module.forward(self.data(filled, np.zeros(self.batch)), is_train=False)
        return self.module.get_outputs()[0].asnumpy().argmax(1)[:len(pixels)]


class Pytorch:
    def __init__(self, options, shape, classes):
        import torch
        import resnet_pytorch
        self.torch = torch
        torch.manual_seed(options.seed)
        self.network = resnet_pytorch.ResNet(options.layers, shape, classes, EPSILON).to(memory_format=torch.channels_last)
        decayed, others = self.network.groups()
        groups = [{"params": decayed, "weight_decay": DECAY}, {"params": others}]
        self.optimizer = torch.optim.SGD(groups, lr=options.rate, momentum=MOMENTUM)

    def logits(self, pixels):
        pixels = self.torch.from_numpy(pixels).float()
        return self.network(pixels.contiguous(memory_format=self.torch.channels_last))

    def step(self, pixels, classes, rate):
        self.network.train()
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad()
        self.torch.nn.functional.cross_entropy(self.logits(pixels), self.torch.from_numpy(classes)).backward()
        self.optimizer.step()

    def answers(self, pixels):
        self.network.eval()
        with self.torch.inference_mode():
            return self.logits(pixels).argmax(1).numpy()


def train(peer, options, learned, held_out):
    (pixels, classes), order = learned, np.random.default_rng(options.seed)
    steps = len(pixels) // options.batch
    for epoch in range(options.epochs):
        shuffled = order.permutation(len(pixels))
        for step in range(steps):
            part = (epoch * steps + step) / (options.epochs * steps)
            rate = options.rate * ((1 + math.cos(math.pi * part)) / 2 if options.schedule == "cosine" else 1)
            chosen = shuffled[step * options.batch:(step + 1) * options.batch]
            peer.step(pixels[chosen], classes[chosen], rate)
        right = 0
        for start in range(0, len(held_out[0]), options.batch):
            part = slice(start, start + options.batch)
            right += int((peer.answers(held_out[0][part]) == held_out[1][part]).sum())
        print(f"Epoch[{epoch}] Validation-accuracy={right / len(held_out[0]):.6f}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("peer", choices=["mxnet", "pytorch"])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--schedule", choices=["constant", "cosine"], required=True)
    for name, kind in [("layers", int), ("batch", int), ("epochs", int), ("rate", float), ("seed", int)]:
        parser.add_argument(f"--{name}", type=kind, required=True)
    options = parser.parse_args()
    learned, held_out = images(options.data / "train"), images(options.data / "validation")
    kind = Mxnet if options.peer == "mxnet" else Pytorch
    train(kind(options, learned[0].shape[1:], int(learned[1].max()) + 1), options, learned, held_out)


if __name__ == "__main__":
    main()
