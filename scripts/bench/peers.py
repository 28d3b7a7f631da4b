"""One peer's training input pipeline, for scripts/bench/pipeline, which starts this under the peer's own Python.

    python peers.py PEER --rec FILE --workers N --task resize|asis --passes N

Every peer shuffles, decodes, resizes the shorter edge to 256, crops 224x224 at random, mirrors at random and makes
batches of 64 8-bit images; `asis` only decodes grey images of 28x28. Prints a line per pass, pass 0 being a warm-up.
"""
import argparse
import random
import struct
import time

BATCH, EDGE, SIDE = 64, 256, 224


def headed_records(path):
    """The records of a .rec file without split ones, each with its header of 24 bytes."""
    data, found, at = open(path, "rb").read(), [], 0
    while at < len(data):
        magic, length = struct.unpack_from("<II", data, at)
        assert magic == 0xCED7230A and length < 1 << 29, f"no whole record at byte {at}"
        found.append(data[at + 8:at + 8 + length])
        at += 8 + (length + 3) // 4 * 4
    return found


def records(path):
    """The encoded images of a .rec file."""
    return [record[24:] for record in headed_records(path)]


def measure(options, batches):
    """`batches` gives the batch sizes of one pass."""
    for number in range(options.passes + 1):
        start = time.perf_counter()
        images = sum(batches())
        print(f"Pass[{number}] images={images} seconds={time.perf_counter() - start:.6f}", flush=True)


def mxnet(options):
    import mxnet as mx
    task = dict(data_shape=(1, 28, 28)) if options.task == "asis" else dict(
        data_shape=(3, SIDE, SIDE), resize=EDGE, rand_crop=True, rand_mirror=True)
    iterator = mx.io.ImageRecordUInt8Iter(path_imgrec=options.rec, batch_size=BATCH, shuffle=True,
                                          preprocess_threads=options.workers, verbose=False, **task)

    def batches():
        iterator.reset()
        for batch in iterator:
            batch.data[0].wait_to_read()
            yield BATCH  # the last one is filled up with images that are decoded like the others
    measure(options, batches)


def with_threads(options, decode):
    """Threads that fill the batches; OpenCV and the decoders let go of Python's lock while they work."""
    from concurrent.futures import ThreadPoolExecutor
    import cv2
    import numpy as np
    cv2.setNumThreads(1)
    images, pool = records(options.rec), ThreadPoolExecutor(options.workers)

    def fill(work):
        encoded, out = work
        pixels = decode(encoded)
        if options.task == "resize":
            height, width = pixels.shape[:2]
            size = (EDGE, EDGE * height // width) if height > width else (EDGE * width // height, EDGE)
            pixels = cv2.resize(pixels, size)
            top, left = random.randint(0, size[1] - SIDE), random.randint(0, size[0] - SIDE)
            pixels = pixels[top:top + SIDE, left:left + SIDE]
            if random.random() < 0.5:
                pixels = pixels[:, ::-1]
        out[:] = pixels

    def batches():
        random.shuffle(images)
        shape = (28, 28) if options.task == "asis" else (SIDE, SIDE, 3)
        for start in range(0, len(images), BATCH):
            part = images[start:start + BATCH]
            batch = np.empty((len(part), *shape), np.uint8)
            list(pool.map(fill, zip(part, batch)))
            yield len(part)
    measure(options, batches)


def opencv(options):
    import cv2
    import numpy as np
    how = cv2.IMREAD_GRAYSCALE if options.task == "asis" else cv2.IMREAD_COLOR
    with_threads(options, lambda encoded: cv2.imdecode(np.frombuffer(encoded, np.uint8), how))


def simplejpeg(options):
    import simplejpeg as decoder
    with_threads(options, decoder.decode_jpeg)


PEERS = {"mxnet": mxnet, "opencv": opencv, "simplejpeg": simplejpeg}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("--rec", required=True)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--task", choices=["resize", "asis"], default="resize")
    parser.add_argument("--passes", type=int, default=6)
    options = parser.parse_args()
    PEERS[options.peer](options)


if __name__ == "__main__":
    main()
