"""Trains a model on given batches with MXNet, for a test that compares our trainer with it through the binary.

    python train_steps.py MODEL_DIR IMAGES.npy LABELS.npy BATCH OPTIMIZER OUT.params [WORKERS]

MODEL_DIR holds the graph and the weights to begin with, IMAGES.npy u8 pixels in N,C,H,W order, LABELS.npy as many u8 class
numbers. Batches are taken in order, once. OPTIMIZER is JSON: {"name": ..., "learning_rate": ..., ...} in MXNet's words.
With WORKERS, so many processes train together with kvstore dist_sync, over loopback: of each WORKERS * BATCH images the first takes the
first BATCH and so on; OUT.params is the first worker's. Needs MXNet 1.9.1 (README.md).
"""
import json
import os
import socket
import subprocess
import sys
import time

# As in make.py: the moving statistics after a step must be those of the step.
os.environ.update(MXNET_SUBGRAPH_BACKEND="NONE", MXNET_ENGINE_TYPE="NaiveEngine")


def distribute(workers):
    """Starts this script once for each role of MXNet's parameter server, and ends as the workers do."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {**os.environ, "DMLC_PS_ROOT_URI": "127.0.0.1", "DMLC_PS_ROOT_PORT": str(port),
              "DMLC_NUM_SERVER": "1", "DMLC_NUM_WORKER": str(workers)}
    roles = ["scheduler", "server"] + ["worker"] * workers
    # Workers' numbers are given by the scheduler as they come: which of them is the first is theirs to say.
    children = [subprocess.Popen([sys.executable, *sys.argv], env={**common, "DMLC_ROLE": role}) for role in roles]
    # Where one ends in error the others would wait for it.
    while any(child.poll() is None for child in children) and not any(child.poll() for child in children):
        time.sleep(0.05)
    failed = any(child.poll() != 0 for child in children)
    for child in children:
        child.kill()
    sys.exit(failed)


def train(folder, images, labels, batch, optimizer, out, workers=1):
    # With DMLC_ROLE=server or scheduler this import does not come back: it serves until the workers are done.
    import mxnet as mx
    import numpy as np

    from load_artifact import PREFIX, last_epoch

    images, labels, batch = np.load(images).astype(np.float32), np.load(labels).ravel().astype(np.float32), int(batch)
    store = mx.kv.create("dist_sync") if workers > 1 else None
    rank = store.rank if store else 0
    settings = json.loads(optimizer)
    symbol, arguments, auxiliaries = mx.model.load_checkpoint(os.path.join(folder, PREFIX), last_epoch(folder))
    module = mx.mod.Module(symbol, context=mx.cpu())
    module.bind([("data", (batch, *images.shape[1:]))], [("softmax_label", (batch,))])
    module.set_params(arguments, auxiliaries)
    names = [name for name in symbol.list_arguments() if name not in ("data", "softmax_label")]
    module.init_optimizer(kvstore=store, optimizer=mx.optimizer.create(
        settings.pop("name"), sym=symbol, param_idx2name=dict(enumerate(names)), rescale_grad=1 / (batch * workers),
        **settings))
    for first in range(rank * batch, len(images) - (workers - rank) * batch + 1, workers * batch):
        part = slice(first, first + batch)
        module.forward(mx.io.DataBatch([mx.nd.array(images[part])], [mx.nd.array(labels[part])]), is_train=True)
        module.backward()
        module.update()
    arguments, auxiliaries = module.get_params()
    arrays = {f"arg:{name}": values for name, values in arguments.items()}
    arrays.update({f"aux:{name}": values for name, values in auxiliaries.items()})
    if rank == 0:
        mx.nd.save(out, arrays)


def main():
    if len(sys.argv) not in (7, 8):
        sys.exit(__doc__)
    *job, workers = sys.argv[1:] if len(sys.argv) == 8 else [*sys.argv[1:], "1"]
    if int(workers) > 1 and "DMLC_ROLE" not in os.environ:
        distribute(int(workers))
    train(*job, workers=int(workers))


if __name__ == "__main__":
    main()
