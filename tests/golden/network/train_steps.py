"""Trains a model on given batches with MXNet, for a test that compares our trainer with it through the binary.

    python train_steps.py MODEL_DIR IMAGES.npy LABELS.npy BATCH OPTIMIZER OUT.params

MODEL_DIR holds the graph and the weights to begin with, IMAGES.npy u8 pixels in N,C,H,W order, LABELS.npy as many u8 class
numbers. Batches are taken in order, once. OPTIMIZER is JSON: {"name": ..., "learning_rate": ..., ...} in MXNet's words.
Needs MXNet 1.9.1 (README.md).
"""
import json
import os
import sys

# As in make.py: the moving statistics after a step must be those of the step.
os.environ.update(MXNET_SUBGRAPH_BACKEND="NONE", MXNET_ENGINE_TYPE="NaiveEngine")
import mxnet as mx
import numpy as np

from load_artifact import PREFIX, last_epoch


def main():
    if len(sys.argv) != 7:
        sys.exit(__doc__)
    folder, images, labels, batch, optimizer, out = sys.argv[1:]
    images, labels, batch = np.load(images).astype(np.float32), np.load(labels).ravel().astype(np.float32), int(batch)
    settings = json.loads(optimizer)
    symbol, arguments, auxiliaries = mx.model.load_checkpoint(os.path.join(folder, PREFIX), last_epoch(folder))
    module = mx.mod.Module(symbol, context=mx.cpu())
    module.bind([("data", (batch, *images.shape[1:]))], [("softmax_label", (batch,))])
    module.set_params(arguments, auxiliaries)
    names = [name for name in symbol.list_arguments() if name not in ("data", "softmax_label")]
    module.init_optimizer(kvstore=None, optimizer=mx.optimizer.create(
        settings.pop("name"), sym=symbol, param_idx2name=dict(enumerate(names)), rescale_grad=1 / batch, **settings))
    for first in range(0, len(images) - batch + 1, batch):
        part = slice(first, first + batch)
        module.forward(mx.io.DataBatch([mx.nd.array(images[part])], [mx.nd.array(labels[part])]), is_train=True)
        module.backward()
        module.update()
    arguments, auxiliaries = module.get_params()
    arrays = {f"arg:{name}": values for name, values in arguments.items()}
    arrays.update({f"aux:{name}": values for name, values in auxiliaries.items()})
    mx.nd.save(out, arrays)


if __name__ == "__main__":
    main()
