"""Compares the number formats of an artifact's arrays with those that MXNet infers from its graph.

    python infer_types.py MODEL_DIR

Ends with 0 and the count of float16 arrays, or with a sentence that names the first that differs. A test of the exporter runs this when
MXNET_PYTHON names a Python that has MXNet 1.9.1 (README.md).
"""
import json
import os
import sys

import mxnet as mx
import numpy as np

import load_artifact

folder = sys.argv[1]
symbol, arguments, auxiliaries = mx.model.load_checkpoint(
    os.path.join(folder, load_artifact.PREFIX), load_artifact.last_epoch(folder))
with open(os.path.join(folder, "model-shapes.json"), encoding="utf-8") as file:
    shape = tuple(json.load(file)[0]["shape"])
symbol.infer_shape(data=shape)
arg_types, _, aux_types = symbol.infer_type(data=np.float32, softmax_label=np.float32)
halves = 0
for names, types, found in ((symbol.list_arguments(), arg_types, arguments),
                            (symbol.list_auxiliary_states(), aux_types, auxiliaries)):
    for name, kind in zip(names, types):
        if name in ("data", "softmax_label"):
            continue
        if found[name].dtype != kind:
            sys.exit(f"{name}: found {found[name].dtype}, expected {kind}.")
        halves += kind == np.float16
print(halves)
