"""Reads PREFIX.rec with its .idx as MXNet 1.9.1 does and prints what it found as JSON: every record by its key, and what
the training iterator makes of the file.

    V/bin/python read_records.py PREFIX CHANNELS EDGE LABELS
"""

import json
import sys

import mxnet as mx
import numpy as np


def record(payload):
    header, image = mx.recordio.unpack(payload)
    labels = [float(label) for label in np.atleast_1d(header.label)]
    return {"id": header.id, "labels": labels, "begins": list(image[:4]), "bytes": len(image)}


def main(prefix, channels, edge, labels):
    file = mx.recordio.MXIndexedRecordIO(prefix + ".idx", prefix + ".rec", "r")
    records = [record(file.read_idx(key)) for key in file.keys]
    iterator = mx.io.ImageRecordIter(
        path_imgrec=prefix + ".rec",
        path_imgidx=prefix + ".idx",
        data_shape=(channels, edge, edge),
        label_width=labels,
        batch_size=1,
        shuffle=False,
        round_batch=False,
        preprocess_threads=1,
    )
    images = [
        {"labels": batch.label[0].asnumpy().flatten().tolist(), "mean": float(batch.data[0].asnumpy().mean())}
        for batch in iterator
    ]
    print("RESULT " + json.dumps({"keys": file.keys, "records": records, "images": images}))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
