"""Training steps or answers of one peer, for scripts/bench/kernels, which starts this under the peer's own Python.

    python kernels_peers.py mxnet|pytorch|pytorch-bf16|pytorch-bf16-compiled LAYERS C,H,W BATCH STEPS THREADS
    python kernels_peers.py onnx FILE.onnx C,H,W CALLERS ANSWERS THREADS
    python kernels_peers.py pytorch-bf16-compiled:LAYERS answer C,H,W CALLERS ANSWERS THREADS

Float32, or with `bf16` under PyTorch's autocast to bfloat16; PyTorch channels-last. The pixels are noise that lies in memory; the loss or the
answer is read after each step, as ours is. Prints the median time of a step after the second, and the seconds that the process computed meanwhile.
"""
import os
import sys

peer, layers, shape, batch, steps, threads = sys.argv[1:]
# Before the libraries start their threads. A thread that waits shall not compute: what it burns would count as work.
os.environ.update(OMP_NUM_THREADS=threads, MKL_NUM_THREADS=threads, OMP_WAIT_POLICY="PASSIVE")

import argparse  # noqa: E402
import statistics  # noqa: E402
import time  # noqa: E402

import numpy as np  # noqa: E402

CLASSES = 10


def train():
    import accuracy_peers
    extents, count = tuple(map(int, shape.split(","))), int(batch)
    options = argparse.Namespace(layers=int(layers), batch=count, rate=0.01, seed=0)
    kind = accuracy_peers.Mxnet if peer == "mxnet" else accuracy_peers.Pytorch
    learner = kind(options, extents, CLASSES)
    if peer.startswith("pytorch-bf16"):
        quicken(learner)
    pixels = np.random.default_rng(1).integers(0, 256, (count, *extents), dtype=np.uint8)
    classes, times, computed = np.arange(count) % CLASSES, [], []
    for _ in range(int(steps)):
        clock, before = time.perf_counter(), time.process_time()
        learner.step(pixels, classes, 0.01)
        times.append(time.perf_counter() - clock)
        computed.append(time.process_time() - before)
    seconds = statistics.median(times[2:])
    print(f"computed {statistics.median(computed[2:]):.2f} s a step")
    print(f"{peer} resnet{layers} {shape} batch {batch}: {seconds * 1e3:.1f} ms a step, {count / seconds:.1f} images/s")


def quicken(learner):
    """Autocast, and inductor where the peer is compiled."""
    torch, network = learner.torch, learner.network
    if peer.startswith("pytorch-bf16-compiled"):
        network = torch.compile(network)

    def logits(pixels):
        pixels = torch.from_numpy(pixels).float().contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            return network(pixels)
    learner.logits = lambda pixels: logits(pixels).float()


def pytorch_session():
    import accuracy_peers
    import torch
    torch.set_num_threads(int(threads) if int(batch) == 1 else 1)
    options = argparse.Namespace(layers=int(peer.split(":")[1]), batch=1, rate=0.01, seed=0)
    learner = accuracy_peers.Pytorch(options, tuple(map(int, shape.split(","))), CLASSES)
    learner.network.eval()
    quicken(learner)

    def run(pixels):
        with torch.inference_mode():
            return learner.logits(pixels).numpy()
    return run


def onnx_session():
    import onnxruntime
    options = onnxruntime.SessionOptions()
    # One caller has all threads; several have one each.
    options.intra_op_num_threads = int(threads) if int(batch) == 1 else 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(layers, options, ["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda pixels: session.run(None, {name: pixels})


def answer():
    from concurrent.futures import ThreadPoolExecutor
    callers, answers = int(batch), int(steps)
    session = onnx_session() if peer == "onnx" else pytorch_session()
    pixels = np.random.default_rng(1).integers(0, 256, (1, *map(int, shape.split(",")))).astype("f4")

    def ask(count):
        times = []
        for _ in range(count):
            clock = time.perf_counter()
            session(pixels)
            times.append(time.perf_counter() - clock)
        return times

    ask(3)
    clock, before = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(callers) as pool:
        times = [one for part in pool.map(ask, [answers] * callers) for one in part]
    rate = len(times) / (time.perf_counter() - clock)
    computed = (time.process_time() - before) / len(times)
    print(f"{peer} {shape}, {callers} callers: {statistics.median(times) * 1e3:.2f} ms an answer, {rate:.1f} images/s, "
          f"computed {computed:.5f} s an image")


answer() if peer == "onnx" or ":" in peer else train()
