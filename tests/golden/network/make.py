"""Writes the golden files of this folder with MXNet 1.9.1 on CPU; README.md says what each holds.

    python make.py            writes symbols/, shapes.json, forward.json, steps.json
    python make.py --check    recomputes all of it and compares with the files, figures within 1e-6
"""
import argparse
import gzip
import hashlib
import json
import os
import re
import sys

# The graph as written, nothing fused; and one operation after another: oneDNN's BatchNorm writes its moving statistics
# in its backward pass, unknown to the threaded engine: a copy taken after an update may still hold the old ones.
os.environ.update(MXNET_SUBGRAPH_BACKEND="NONE", MXNET_ENGINE_TYPE="NaiveEngine")
import mxnet as mx
import numpy as np

from resnet import FAMILY, THREE, resnet

HERE = os.path.dirname(os.path.abspath(__file__))
TOLERANCE = 1e-6
# SageMaker's container is a fork of 1.3; nothing else of the saved graph differs between 1.3 and 1.9.
SAVED_VERSION = 10300
GZIP_ABOVE = 100_000

SYMBOLS = [(18, 1, 28, 28), (20, 1, 28, 28), (50, 3, 224, 224), (18, 3, 224, 224), (20, 3, 64, 64), (56, 3, 32, 32)]
SYMBOL_CLASSES = 10
FORWARD = [(18, 1, 28, 28, 10), (20, 1, 28, 28, 10), (50, 3, 40, 40, 10), (18, 3, 64, 48, 7), (110, 3, 28, 28, 10),
           (20, 3, 64, 64, 10)]
FORWARD_BATCH = 3
STEPS = [("sgd", 20, 1, 28, 28, 10), ("sgd", 18, 3, 40, 40, 10), ("nag", 20, 1, 28, 28, 10), ("adam", 20, 1, 28, 28, 10),
         ("rmsprop", 20, 1, 28, 28, 10)]
# Several labels: LogisticRegressionOutput in the place of SoftmaxOutput, with the first optimizer.
MULTI_LABEL = (20, 1, 28, 28, 10)
STEPS_BATCH = 4
STEPS_COUNT = 4
# An eps that counts: where a gradient is next to nothing, m / sqrt(v) is the sign of its rounding error.
OPTIMIZERS = {
    "sgd": {"learning_rate": 0.05, "momentum": 0.9, "wd": 1e-4},
    "nag": {"learning_rate": 0.01, "momentum": 0.9, "wd": 1e-4},
    "adam": {"learning_rate": 0.01, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-2, "wd": 0},
    "rmsprop": {"learning_rate": 0.01, "gamma1": 0.9, "epsilon": 1e-2, "wd": 0},
}
# MXNet's own schedule: the rate falls tenfold once more than two updates have been counted. Not for nag: where the rate
# changes, 1.9 differs from 1.4, which the replaced algorithm is built on.
RATE_STEPS = {"step": [2], "factor": 0.1}


# ---- deterministic tensors (README.md, "Weights and inputs") ---------------------------------------

def raw(name, count):
    """The first `count` outputs of splitmix64 seeded with the FNV-1a-64 of `name`."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = (seed ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
        return z ^ z >> np.uint64(31)


def unit_interval(name, count):
    return (raw(name, count) >> np.uint64(40)).astype(np.float64) / 2**24


def parameter(name, shape):
    """A learned parameter or moving statistic, computed in f64 and rounded once to f32."""
    u = unit_interval(name, int(np.prod(shape)))
    if name.endswith("_weight"):
        values = (2 * u - 1) * np.sqrt(3) * np.sqrt(2 / np.prod(shape[1:]))
    elif name.endswith("_gamma"):
        values = 0.75 + 0.5 * u
    elif name.endswith(("_beta", "_bias")):
        values = (u - 0.5) * 0.2
    elif name.endswith("_moving_mean"):
        values = 100 + 50 * u if name.startswith("bn_data") else (u - 0.5) * 0.2
    else:
        values = 3000 + 2000 * u if name.startswith("bn_data") else 0.5 + u
    return values.reshape(shape).astype(np.float32)


def images(shape):
    return np.floor(256 * unit_interval("data", int(np.prod(shape)))).reshape(shape).astype(np.float32)


def labels(count, classes):
    return (raw("label", count) % np.uint64(classes)).astype(np.float32)


def cells(count, classes):
    return labels(count * classes, 2).reshape(count, classes)


# ---- what is recorded ------------------------------------------------------------------------------

def symbols():
    for num_layers, channels, height, width in SYMBOLS:
        text = resnet(num_layers, height, SYMBOL_CLASSES).tojson()
        head, _, tail = re.fullmatch(r'(.*"mxnet_version": \["int", )(\d+)(\].*)', text, re.DOTALL).groups()
        yield f"symbols/{num_layers}-{channels}-{height}-{width}.json", f"{head}{SAVED_VERSION}{tail}"


def tensors(symbol, data_shape):
    """([name, shape], ...) of the learned parameters and of the moving statistics, each in graph order."""
    argument_shapes, _, auxiliary_shapes = symbol.infer_shape(data=data_shape)
    arguments = [[name, list(shape)] for name, shape in zip(symbol.list_arguments(), argument_shapes)
                 if name not in ("data", "softmax_label")]
    return arguments, [[name, list(shape)] for name, shape in
                       zip(symbol.list_auxiliary_states(), auxiliary_shapes)]


def shapes():
    wanted = [(n, 3, 28, 28, 10) if FAMILY[n][1:] == THREE else (n, 3, 224, 224, 1000) for n in FAMILY]
    entries = []
    for num_layers, channels, height, width, classes in wanted + [(18, 1, 28, 28, 10)]:
        lists = tensors(resnet(num_layers, height, classes), (1, channels, height, width))
        text = "".join(f"{prefix}:{name} {','.join(map(str, shape))}\n"
                       for prefix, tensor_list in zip(("arg", "aux"), lists) for name, shape in tensor_list)
        entry = described((num_layers, channels, height, width, classes))
        for prefix, tensor_list in zip(("arg", "aux"), lists):
            entry[f"{prefix}_tensors"] = len(tensor_list)
            entry[f"{prefix}_values"] = sum(int(np.prod(shape)) for _, shape in tensor_list)
        entry["sha256"] = hashlib.sha256(text.encode()).hexdigest()
        if num_layers in (18, 20):
            entry["arg"], entry["aux"] = lists
        entries.append(entry)
    return entries


def bound(configuration, batch, training, multi_label=False):
    """A module with the deterministic weights, the names of its parameters, and the batch it is to see.

    Its second output are the logits, behind BlockGrad so that they add nothing to the gradient.
    """
    num_layers, channels, height, width, classes = configuration
    output = resnet(num_layers, height, classes)
    logits, truth = output.get_internals()["fc1_output"], labels(batch, classes)
    if multi_label:
        truth = cells(batch, classes)
        output = mx.sym.LogisticRegressionOutput(logits, mx.sym.Variable("softmax_label"), name="softmax")
    symbol = mx.sym.Group([output, mx.sym.BlockGrad(logits)])
    shape = (batch, channels, height, width)
    module = mx.mod.Module(symbol, context=mx.cpu())
    module.bind([("data", shape)], [("softmax_label", truth.shape)], for_training=training)
    arguments, auxiliaries = ({name: mx.nd.array(parameter(name, shape)) for name, shape in entry}
                              for entry in tensors(output, shape))
    module.init_params(initializer=None, arg_params=arguments, aux_params=auxiliaries)
    return module, list(arguments), mx.io.DataBatch([mx.nd.array(images(shape))], [mx.nd.array(truth)])


def described(configuration):
    num_layers, channels, height, width, classes = configuration
    return {"num_layers": num_layers, "image_shape": [channels, height, width], "num_classes": classes}


def forward():
    entries = []
    for configuration in FORWARD:
        module, _, batch = bound(configuration, FORWARD_BATCH, training=False)
        module.forward(batch, is_train=False)
        entries.append({**described(configuration), **outputs(module)})
    return entries


def outputs(module):
    probabilities, logits = (output.asnumpy().astype(np.float64).tolist() for output in module.get_outputs())
    return {"logits": logits, "probabilities": probabilities}


def summary(values):
    flat = values.asnumpy().astype(np.float64).ravel()
    return {"sum": flat.sum(), "l2": np.sqrt((flat * flat).sum()), "first": flat[:3].tolist()}


def steps():
    entries = []
    for multi_label, (optimizer, *configuration) in [(False, job) for job in STEPS] + [(True, ("sgd", *MULTI_LABEL))]:
        module, names, batch = bound(configuration, STEPS_BATCH, training=True, multi_label=multi_label)
        settings = OPTIMIZERS[optimizer]
        schedule = mx.lr_scheduler.MultiFactorScheduler(base_lr=settings["learning_rate"], **RATE_STEPS)
        if optimizer == "nag":
            schedule = mx.lr_scheduler.FactorScheduler(step=100, base_lr=settings["learning_rate"])
        module.init_optimizer(kvstore=None, optimizer=mx.optimizer.create(
            optimizer, param_idx2name=dict(enumerate(names)), lr_scheduler=schedule,
            rescale_grad=1 / STEPS_BATCH, **settings))
        recorded = []
        for _ in range(STEPS_COUNT):
            module.forward(batch, is_train=True)
            step = outputs(module)
            module.backward()
            module.update()
            arguments, auxiliaries = module.get_params()
            recorded.append({
                "learning_rate": schedule.base_lr,
                **step,
                "arg": {name: summary(arguments[name]) for name in names},
                "aux": {name: summary(values) for name, values in auxiliaries.items()},
            })
        entries.append({"optimizer": optimizer, "multi_label": multi_label, **described(configuration), "batch": STEPS_BATCH, "steps": recorded})
    return entries


# ---- files -----------------------------------------------------------------------------------------

def compact(value, depth=0):
    """JSON in which whatever fits takes one line: small, and readable as a difference."""
    line = json.dumps(value)
    if len(line) < 140 or not isinstance(value, (list, dict)):
        return line
    pad = " " * (depth + 1)
    if isinstance(value, dict):
        parts, brackets = [f"{json.dumps(key)}: {compact(part, depth + 1)}" for key, part in value.items()], "{}"
    else:
        parts, brackets = [compact(part, depth + 1) for part in value], "[]"
    return brackets[0] + ",".join(f"\n{pad}{part}" for part in parts) + f"\n{pad[1:]}" + brackets[1]


def write(path, text):
    data = text.encode()
    if len(data) > GZIP_ABOVE and path.startswith("symbols/"):
        path, data = path + ".gz", gzip.compress(data, 9, mtime=0)
    os.makedirs(os.path.dirname(os.path.join(HERE, path)), exist_ok=True)
    with open(os.path.join(HERE, path), "wb") as file:
        file.write(data)
    print(f"{path}: {len(data)} bytes")


def read(path):
    packed = os.path.join(HERE, path + ".gz")
    if os.path.exists(packed):
        with gzip.open(packed, "rt", encoding="utf-8") as file:
            return file.read()
    with open(os.path.join(HERE, path), encoding="utf-8") as file:
        return file.read()


def differences(place, expected, found):
    """Yields (relative difference, sentence) for all that differs; other things than figures by infinity."""
    if isinstance(expected, dict) and isinstance(found, dict) and list(expected) == list(found):
        for key in expected:
            yield from differences(f"{place}.{key}", expected[key], found[key])
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for number, (one, other) in enumerate(zip(expected, found)):
            yield from differences(f"{place}[{number}]", one, other)
    elif expected != found:
        numbers = all(isinstance(value, (int, float)) for value in (expected, found))
        difference = abs(expected - found) / max(1, abs(expected)) if numbers else float("inf")
        yield difference, f"{place}: found {found}, expected {expected}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the files instead of writing them")
    parser.add_argument("--tolerance", type=float, default=TOLERANCE,
                        help="of --check: on |difference| / max(1, |figure|) (default: %(default)s)")
    arguments = parser.parse_args()

    figures = [("shapes.json", shapes), ("forward.json", forward), ("steps.json", steps)]
    if not arguments.check:
        for path, text in symbols():
            write(path, text)
        for path, make in figures:
            write(path, compact(make()) + "\n")
        return
    pairs = [(path, read(path), text) for path, text in symbols()]
    pairs += [(path, json.loads(read(path)), make()) for path, make in figures]
    wrong = 0
    for path, expected, found in pairs:
        differing = list(differences(path, expected, found))
        too_far = [sentence for difference, sentence in differing if difference > arguments.tolerance]
        print(f"{path}: largest difference {max((difference for difference, _ in differing), default=0):.2g}")
        print("".join(f"  {sentence[:200]}\n" for sentence in too_far[:10]), end="")
        wrong += len(too_far)
    if wrong:
        sys.exit(f"make.py: found {wrong} figures off by more than {arguments.tolerance}, expected none.")


main()
