"""Reads an artifact as MXNet's users do and writes what it predicts.

    python load_artifact.py MODEL_DIR IMAGES.npy OUT.json

MODEL_DIR holds image-classification-symbol.json and image-classification-NNNN.params, of which the highest NNNN
is taken. IMAGES.npy is u8 in N,C,H,W order, raw pixels. OUT.json gets {"epoch": NNNN, "probabilities": [[...], ...]}.
A test of the exporter runs this when MXNET_PYTHON names a Python that has MXNet 1.9.1 (README.md).
"""
import json
import os
import re
import sys

import mxnet as mx
import numpy as np

PREFIX = "image-classification"


def last_epoch(folder):
    names = sorted(os.listdir(folder))
    epochs = [int(found[1]) for found in (re.fullmatch(PREFIX + r"-(\d{4,})\.params", name) for name in names) if found]
    if not epochs:
        sys.exit(f"{folder}: found {names}, expected a {PREFIX}-NNNN.params.")
    return max(epochs)


def predict(folder, epoch, images):
    # load_checkpoint goes by PREFIX-symbol.json and PREFIX-%04d.params and splits arg: from aux: names.
    symbol, arguments, auxiliaries = mx.model.load_checkpoint(os.path.join(folder, PREFIX), epoch)
    for kind, found, wanted in (("arg", arguments, set(symbol.list_arguments()) - {"data", "softmax_label"}),
                                ("aux", auxiliaries, set(symbol.list_auxiliary_states()))):
        # MXNet itself passes over surplus names in silence.
        if set(found) != wanted:
            sys.exit(f"{folder}, epoch {epoch}: found {kind} names other than the graph's: "
                     f"{sorted(set(found) ^ wanted)} are in one only.")
    module = mx.mod.Module(symbol, context=mx.cpu(), label_names=["softmax_label"])
    module.bind([("data", images.shape)], for_training=False)
    module.set_params(arguments, auxiliaries)
    module.forward(mx.io.DataBatch([mx.nd.array(images.astype(np.float32))]), is_train=False)
    return module.get_outputs()[0].asnumpy().astype(np.float64)


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    folder, images_path, out = sys.argv[1:]
    images = np.load(images_path)
    if images.dtype != np.uint8 or images.ndim != 4:
        sys.exit(f"{images_path}: found {images.dtype} of shape {images.shape}, expected uint8 in N,C,H,W order.")
    epoch = last_epoch(folder)
    with open(out, "w", encoding="utf-8") as file:
        json.dump({"epoch": epoch, "probabilities": predict(folder, epoch, images).tolist()}, file)


if __name__ == "__main__":
    main()
