"""Makes the golden files beside this script, with MXNet 1.9.1.

    python3 -m venv V && V/bin/pip install "numpy==1.23.5" mxnet==1.9.1 && V/bin/python make.py

Runs are reproducible: the same bytes every time. What MXNet can no longer write (array layouts of 0.10 and 0.11, a
symbol in the 0.8 spelling) is built by hand here, and MXNet loads it back before it counts as golden.
`expected.json` describes every file in words that do not depend on our reader.
"""

import hashlib
import json
import os
import struct

import mxnet as mx
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
MAGIC = struct.pack("<I", 0xCED7230A)


def path(name):
    return os.path.join(HERE, name)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


# ---- RecordIO ----


def payloads():
    """Raw payloads round the magic, then images with one label and with several."""
    noise = np.random.RandomState(7)
    raw = [
        b"",
        b"a",
        b"abcd",
        MAGIC,  # one aligned magic and nothing else: two empty parts
        MAGIC * 3,
        b"abcd" + MAGIC + b"efghi",  # aligned, in the middle
        b"abcdefgh" + MAGIC,  # aligned, at the end
        b"ab" + MAGIC + b"cd",  # not aligned: not escaped
        b"abc" + MAGIC,
        MAGIC + b"x" + MAGIC + MAGIC + b"xyz" + MAGIC + b"z",  # both kinds
        MAGIC[:3],
        noise.bytes(4096),
        noise.bytes(1001) + MAGIC * 5 + noise.bytes(7),
    ]
    header = mx.recordio.IRHeader
    images = [
        mx.recordio.pack(header(0, 3, 11, 0), b"one label"),
        mx.recordio.pack(header(0, 2.5, 2**40 + 1, 7), b""),
        mx.recordio.pack(header(0, [0, 1, 0.25, -4], 13, 0), b"four labels"),
        mx.recordio.pack(header(0, [6.0], 14, 0), b"a vector of one"),
        mx.recordio.pack(header(0, [], 15, 0), b"a vector of none"),
        mx.recordio.pack(header(0, 1, 16, 0), noise.bytes(512) + MAGIC + noise.bytes(64)),
    ]
    return raw, images


def make_records():
    raw, images = payloads()
    record = mx.recordio.MXIndexedRecordIO(path("records.idx"), path("records.rec"), "w")
    for key, payload in enumerate(raw + images):
        record.write_idx(key * 10, payload)
    record.close()
    with open(path("records.idx")) as index:
        offsets = [int(line.split("\t")[1]) for line in index]
    described = [
        {"key": key * 10, "offset": offset, "length": len(payload), "sha256": sha256(payload)}
        for key, (offset, payload) in enumerate(zip(offsets, raw + images))
    ]
    for payload, record in list(zip(raw + images, described))[len(raw) :]:
        header, image = mx.recordio.unpack(payload)
        record["image"] = {
            "flag": struct.unpack("<I", payload[:4])[0],
            "label": [float(label) for label in np.atleast_1d(header.label)],
            "id": header.id,
            "id2": header.id2,
            "sha256": sha256(image),
        }
    return described


# ---- .params ----


def describe(arrays):
    return [
        {
            "name": name,
            "shape": list(array.shape),
            "dtype": str(array.dtype),
            "sha256": sha256(np.ascontiguousarray(array).tobytes()),
        }
        for name, array in arrays.items()
    ]


def save(name, arrays):
    """Saved by MXNet itself: layout version 2."""
    mx.nd.save(path(name), {key: mx.nd.array(value, dtype=value.dtype) for key, value in arrays.items()})
    return describe(arrays)


def handmade(name, arrays, block):
    with open(path(name), "wb") as out:
        out.write(struct.pack("<QQQ", 0x112, 0, len(arrays)))
        for array in arrays.values():
            out.write(block(array))
        out.write(struct.pack("<Q", len(arrays)))
        for key in arrays:
            out.write(struct.pack("<Q", len(key)) + key.encode())
    loaded = mx.nd.load(path(name))
    assert list(loaded) == list(arrays), name
    assert all((loaded[key].asnumpy() == arrays[key]).all() for key in arrays), name
    return describe(arrays)


def save_numpy(name, arrays):
    """Saved under numpy's semantics: layout version 3, where no dimensions mean a scalar."""
    with mx.util.np_shape(True):
        return save(name, arrays)


CODES = {"float32": 0, "float64": 1, "float16": 2, "uint8": 3, "int32": 4, "int8": 5, "int64": 6}


def tail(array, device):
    return struct.pack("<iii", *device, CODES[str(array.dtype)]) + array.tobytes()


def version_2_gpu(array):
    """As saved from a GPU without the copy to the CPU: device (2, 3)."""
    shape = struct.pack("<I%dq" % array.ndim, array.ndim, *array.shape)
    return struct.pack("<Ii", 0xF993FAC9, 0) + shape + tail(array, (2, 3))


def version_1(array):
    shape = struct.pack("<I%dq" % array.ndim, array.ndim, *array.shape)
    return struct.pack("<I", 0xF993FAC8) + shape + tail(array, (1, 0))


def oldest(array):
    return struct.pack("<I%dI" % array.ndim, array.ndim, *array.shape) + tail(array, (1, 0))


def make_params():
    values = np.arange(24) % 11 - 3
    types = ["float32", "float64", "float16", "uint8", "int32", "int8", "int64", "bool"]
    every = {"arg:" + name: values.astype(name).reshape(2, 3, 4) for name in types}
    every["aux:odd"] = np.arange(3, dtype="int8")  # what follows stands at an odd offset
    every["aux:last"] = np.array([np.inf, -0.0, 1e-45, 0.1], dtype="float32")
    three = {
        "arg:fc1_weight": np.linspace(-1, 1, 40, dtype="float32").reshape(10, 4),
        "arg:fc1_bias": np.zeros(10, dtype="float32"),
        "aux:bn0_moving_var": np.ones(4, dtype="float32"),
    }
    floats = dict(three, half=np.array([[1, 0.5], [65504, -2]], dtype="float16"))
    return {
        "every-dtype.params": save("every-dtype.params", every),
        "empty.params": save("empty.params", {}),
        "three.params": save("three.params", three),
        "version-3.params": save_numpy(
            "version-3.params", {"arg:weight": three["arg:fc1_weight"], "arg:scalar": np.array(2.5, dtype="float32")}
        ),
        "gpu.params": handmade("gpu.params", floats, version_2_gpu),
        "version-1.params": handmade("version-1.params", floats, version_1),
        "oldest.params": handmade("oldest.params", floats, oldest),
    }


# ---- symbols ----


def batch_norm(data, name, fix_gamma=False):
    return mx.sym.BatchNorm(data, fix_gamma=fix_gamma, eps=2e-5, momentum=0.9, name=name)


def convolution(data, filters, kernel, stride, pad, name):
    return mx.sym.Convolution(
        data, num_filter=filters, kernel=kernel, stride=stride, pad=pad, no_bias=True, workspace=256, name=name
    )


def relu(data, name):
    return mx.sym.Activation(data, act_type="relu", name=name)


def unit(data, filters, stride, match, name):
    """A basic pre-activation unit; the shortcut is projected unless the shapes match."""
    act1 = relu(batch_norm(data, name + "_bn1"), name + "_relu1")
    conv1 = convolution(act1, filters, (3, 3), stride, (1, 1), name + "_conv1")
    act2 = relu(batch_norm(conv1, name + "_bn2"), name + "_relu2")
    conv2 = convolution(act2, filters, (3, 3), (1, 1), (1, 1), name + "_conv2")
    shortcut = data if match else convolution(act1, filters, (1, 1), stride, (0, 0), name + "_sc")
    return conv2 + shortcut


def make_resnet(name):
    """A small pre-activation ResNet with every operator that the image classification networks use."""
    data = mx.sym.identity(mx.sym.Variable("data"), name="id")
    body = convolution(batch_norm(data, "bn_data", fix_gamma=True), 8, (7, 7), (2, 2), (3, 3), "conv0")
    body = relu(batch_norm(body, "bn0"), "relu0")
    body = mx.sym.Pooling(body, kernel=(3, 3), stride=(2, 2), pad=(1, 1), pool_type="max")
    body = unit(body, 8, (1, 1), False, "stage1_unit1")
    body = unit(body, 8, (1, 1), True, "stage1_unit2")
    body = unit(body, 16, (2, 2), False, "stage2_unit1")
    body = relu(batch_norm(body, "bn1"), "relu1")
    pool = mx.sym.Pooling(body, global_pool=True, kernel=(7, 7), pool_type="avg", name="pool1")
    logits = mx.sym.FullyConnected(mx.sym.Flatten(pool), num_hidden=10, name="fc1")
    return save_symbol(mx.sym.SoftmaxOutput(logits, name="softmax"), name)


def make_wide(name):
    """Eleven inputs and a group of eleven: lists longer than MXNet keeps on one line; names that need escapes."""
    variables = [mx.sym.Variable('v%d "quoted" \\ \t é' % index) for index in range(11)]
    joined = mx.sym.Concat(*variables, name="joined")
    return save_symbol(mx.sym.Group([joined] + variables[:10]), name)


def save_symbol(symbol, name):
    symbol.save(path(name))
    return describe_symbol(symbol)


def describe_symbol(symbol):
    graph = json.loads(symbol.tojson())
    return {
        "nodes": [
            {"op": node["op"], "name": node["name"], "attrs": node.get("attrs", {}), "inputs": node["inputs"]}
            for node in graph["nodes"]
        ],
        "arg_nodes": graph["arg_nodes"],
        "node_row_ptr": graph["node_row_ptr"],
        "heads": graph["heads"],
        "mxnet_version": graph["attrs"]["mxnet_version"][1],
    }


OLD = {
    "nodes": [
        {"op": "null", "param": {}, "name": "data", "inputs": [], "backward_source_id": -1},
        {"op": "null", "param": {}, "name": "fc1_weight", "inputs": [], "backward_source_id": -1},
        {"op": "null", "param": {}, "name": "fc1_bias", "inputs": [], "backward_source_id": -1},
        {
            "op": "FullyConnected",
            "param": {"no_bias": "False", "num_hidden": "10"},
            "name": "fc1",
            "inputs": [[0, 0], [1, 0], [2, 0]],
            "backward_source_id": -1,
            "attr": {"lr_mult": "2.0"},
        },
    ],
    "arg_nodes": [0, 1, 2],
    "heads": [[3, 0]],
}


def make_old(name):
    """The spelling of 0.8: `param` and `attr`, edges of two numbers, no version."""
    with open(path(name), "w") as out:
        json.dump(OLD, out, indent=2)
    assert mx.sym.load(path(name)).list_arguments() == ["data", "fc1_weight", "fc1_bias"]


def main():
    expected = {
        "mxnet": mx.__version__,
        "records": make_records(),
        "params": make_params(),
        "symbols": {
            "resnet-symbol.json": make_resnet("resnet-symbol.json"),
            "wide-symbol.json": make_wide("wide-symbol.json"),
        },
    }
    make_old("old-symbol.json")
    with open(path("expected.json"), "w") as out:
        json.dump(expected, out, indent=1)
        out.write("\n")


if __name__ == "__main__":
    main()
