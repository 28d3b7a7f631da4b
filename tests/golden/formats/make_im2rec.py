"""Makes `im2rec.json` and `im2rec-png.rec` beside this script, with the `im2rec.py` of MXNet 1.9.1 itself.

    python3 -m venv V && V/bin/pip install "numpy==1.23.5" mxnet==1.9.1 opencv-python-headless==4.5.5.64
    V/bin/python make_im2rec.py

The lists: what the tool writes and prints for a tree of empty files. The records: what it packs from files of a few
bytes passed through, and from PNG images cropped and resized (their source pixels are in `im2rec.json`).
"""

import json
import os
import subprocess
import sys
import tempfile

import cv2
import mxnet as mx
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
TOOL = os.path.join(os.path.dirname(mx.__file__), "tools", "im2rec.py")

TREE = (
    ["root%d.jpg" % number for number in range(2)]
    + ["dogs/%02d.JPG" % number for number in range(9)]
    + ["cats/%02d.png" % number for number in range(7)]
    + ["cats/siamese/a b.jpeg", "cats/siamese/B.jpg", "cats/siamese/ä.jpg"]
    + ["Zebras/10.jpg", "Zebras/9.jpg", "birds/deep/er/x.jpg", "birds/empty/readme.txt", "birds.jpg"]
    + ["dogs/.jpg", "dogs/..jpg", "dogs/.hidden.jpg", "dogs/x.tar.jpg", "dogs/x.jpg.txt", "dogs/none", "dogs/x.gif"]
)

LISTS = [
    [],
    ["--no-shuffle"],
    ["--recursive"],
    ["--recursive", "--no-shuffle"],
    ["--recursive", "--exts", ".gif", ".txt"],
    ["--recursive", "--train-ratio", "0.8"],
    ["--recursive", "--train-ratio", "0.7", "--test-ratio", "0.3"],
    ["--recursive", "--train-ratio", "0.5", "--test-ratio", "0.2", "--chunks", "4"],
    ["--recursive", "--chunks", "3"],
    ["--no-shuffle", "--chunks", "5"],
    ["--recursive", "--train-ratio", "0.9", "--test-ratio", "0.4"],
    ["--recursive", "--train-ratio", "0.29", "--no-shuffle"],
]

LINES = "5\t1.000000\t2.500000\ta.bin\n3\t4\tb.bin\n70000000000\t0.1\t0.2\t0.3\tc.bin\n"
FILES = {"a.bin": b"\x0a\x23\xd7\xce" * 3, "b.bin": b"some bytes", "c.bin": bytes(range(256)) + b"\x0a\x23\xd7\xce"}

PACKS = [
    {"shape": [7, 10, 3], "options": ["--resize", "5"]},
    {"shape": [11, 6, 3], "options": ["--resize", "9", "--center-crop"]},
    {"shape": [6, 11, 3], "options": ["--center-crop"]},
    {"shape": [8, 8, 3], "options": ["--resize", "5", "--color", "0"]},
    {"shape": [9, 5], "options": ["--resize", "4", "--color", "-1"]},
    {"shape": [9, 5], "options": ["--color", "1"]},
]


def tool(*arguments):
    command = [sys.executable, TOOL, *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def read(path, mode="rb"):
    with open(path, mode) as file:
        return file.read()


def lists(folder):
    root = os.path.join(folder, "images")
    for name in TREE:
        os.makedirs(os.path.dirname(os.path.join(root, name)), exist_ok=True)
        open(os.path.join(root, name), "w").close()
    for number, options in enumerate(LISTS):
        out = os.path.join(folder, "lists%d" % number)
        os.mkdir(out)
        printed = tool("--list", os.path.join(out, "x"), root, *options)
        written = {name: read(os.path.join(out, name), "r") for name in sorted(os.listdir(out))}
        yield {"options": options, "printed": printed, "files": written}


def passed_through(folder):
    for name, content in FILES.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content)
    for options in ([], ["--pack-label"]):
        with open(os.path.join(folder, "x.lst"), "w") as file:
            file.write(LINES)
        tool(os.path.join(folder, "x"), folder, "--pass-through", *options)
        yield {
            "options": options,
            "rec": list(read(os.path.join(folder, "x.rec"))),
            "idx": read(os.path.join(folder, "x.idx"), "r"),
        }


def packed(folder):
    """One record for each case, all in one file."""
    noise = np.random.RandomState(3)
    out = mx.recordio.MXRecordIO(os.path.join(HERE, "im2rec-png.rec"), "w")
    for number, case in enumerate(PACKS):
        pixels = noise.randint(0, 256, case["shape"]).astype(np.uint8)
        # OpenCV has blue first.
        cv2.imwrite(os.path.join(folder, "x.png"), pixels[..., ::-1] if pixels.ndim == 3 else pixels)
        with open(os.path.join(folder, "x.lst"), "w") as file:
            file.write("%d\t%d\tx.png\n" % (number, number))
        tool(os.path.join(folder, "x"), folder, "--encoding", ".png", "--quality", "9", *case["options"])
        out.write(mx.recordio.MXRecordIO(os.path.join(folder, "x.rec"), "r").read())
        yield dict(case, pixels=pixels.flatten().tolist())
    out.close()


def main():
    expected = {"mxnet": mx.__version__, "tree": TREE, "lines": LINES}
    expected["contents"] = {name: list(content) for name, content in FILES.items()}
    for name, cases in (("lists", lists), ("passed_through", passed_through), ("packed", packed)):
        with tempfile.TemporaryDirectory() as folder:
            expected[name] = list(cases(folder))
    with open(os.path.join(HERE, "im2rec.json"), "w") as out:
        json.dump(expected, out)
        out.write("\n")


if __name__ == "__main__":
    main()
