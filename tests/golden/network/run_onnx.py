"""Predicts with an exported model in ONNX Runtime, for a test that compares it with ours.

    python run_onnx.py MODEL.onnx IMAGES.npy OUT.json

IMAGES.npy is u8 in N,C,H,W order. OUT.json gets {"probabilities": [[...], ...], "metadata": {...}}. Needs onnxruntime.
"""
import json
import sys

import numpy as np
import onnxruntime


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    model, images, out = sys.argv[1:]
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (probabilities,) = session.run(["probabilities"], {"data": np.load(images).astype(np.float32)})
    metadata = session.get_modelmeta().custom_metadata_map
    with open(out, "w", encoding="utf-8") as file:
        json.dump({"probabilities": probabilities.astype(np.float64).tolist(), "metadata": metadata}, file)


if __name__ == "__main__":
    main()
