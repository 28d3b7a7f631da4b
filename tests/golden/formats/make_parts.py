"""Makes `parts*.rec`, `parts.idx` and `parts.json` beside this script: who reads what when MXNet 1.9.1 splits records.

    python3 -m venv V && V/bin/pip install "numpy==1.23.5" mxnet==1.9.1 && V/bin/python make_parts.py

MXNet itself does the splitting: its image iterator is asked for part k of n, batches of one, no shuffling, and the
labels it hands out are written down. Every record has its own label, which is its number.
"""

import json
import os
import struct
import zlib

import mxnet as mx
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
MAGIC = struct.pack("<I", 0xCED7230A)
PARTS = [1, 2, 3, 4, 7, 40]


def path(name):
    return os.path.join(HERE, name)


def png(value):
    """A PNG of one grey pixel."""
    chunk = lambda kind, data: (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    )
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes([0, value]))) + chunk(b"IEND", b"")


def payloads(count, first):
    """Images followed by bytes that no decoder looks at: odd sizes, and magics wherever they may stand."""
    noise = np.random.RandomState(first)
    for number in range(first, first + count):
        image = png(number)
        image += b"\0" * (-len(image) % 4)
        image += [b"", MAGIC, MAGIC * 9, b"x" + MAGIC, MAGIC + noise.bytes(41) + MAGIC][number % 5]
        image += noise.bytes(int(noise.randint(0, 2) * noise.randint(0, 700)))
        yield mx.recordio.pack(mx.recordio.IRHeader(0, number, number, 0), image)


def write(name, count, first):
    record = mx.recordio.MXIndexedRecordIO(path(name + ".idx"), path(name + ".rec"), "w")
    for key, payload in enumerate(payloads(count, first), first):
        record.write_idx(key, payload)
    record.close()
    with open(path(name + ".idx")) as index:
        return [int(line.split("\t")[1]) for line in index]


def read(part, parts, **files):
    """The labels of one part in reading order; nothing when the iterator has no first batch."""
    options = {"shuffle": False, "round_batch": False, "preprocess_threads": 1}
    try:
        iterator = mx.io.ImageRecordIter(
            data_shape=(1, 1, 1), batch_size=1, num_parts=parts, part_index=part, **options, **files
        )
    except StopIteration:
        return []
    return [int(batch.label[0].asnumpy()[0]) for batch in iterator]


def split(**files):
    return {str(parts): [read(part, parts, **files) for part in range(parts)] for parts in PARTS}


def main():
    offsets = write("parts", 37, 0)
    several = [write("parts-a", 5, 0), write("parts-b", 9, 5), write("parts-c", 1, 14)]
    names = [path("parts-%s.rec" % name) for name in "abc"]
    for name in "abc":
        os.remove(path("parts-%s.idx" % name))
    expected = {
        "mxnet": mx.__version__,
        "offsets": offsets,
        "plain": split(path_imgrec=path("parts.rec")),
        "indexed": split(path_imgrec=path("parts.rec"), path_imgidx=path("parts.idx")),
        "several_offsets": several,
        "several": split(path_imgrec=";".join(names)),
    }
    with open(path("parts.json"), "w") as out:
        json.dump(expected, out)
        out.write("\n")


if __name__ == "__main__":
    main()
