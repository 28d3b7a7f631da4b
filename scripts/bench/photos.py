"""A .rec of photographs of about 500x375, for scripts/bench/pipeline.

    python photos.py OUT.rec [--images 600] [--scale 1]

Needs opencv-python-headless and scikit-image, whose wheels carry a few photographs. Each image is a random part of
one of them with as much film grain as brings it to 60 to 120 KB at quality 90: a zoomed picture alone would be easier to
decode than a real one. The same seed gives the same images.
"""
import argparse
import random
import struct

import cv2
import numpy as np
from skimage import data

MAGIC = 0xCED7230A


def originals():
    found = [data.astronaut(), data.coffee(), data.chelsea(), data.rocket(), data.hubble_deep_field()]
    return [cv2.cvtColor(np.ascontiguousarray(picture[..., :3]), cv2.COLOR_RGB2BGR) for picture in found]


def photo(choose, noise, sources, scale):
    """One encoded image, `scale` times as wide and high, and the number of its picture."""
    label = choose.randrange(len(sources))
    source = sources[label]
    width, height = scale * choose.randint(460, 540), scale * choose.randint(345, 405)
    if choose.random() < 0.25:  # some upright ones, as photographs are
        width, height = height, width
    zoom = min(source.shape[1] / width, source.shape[0] / height) * choose.uniform(0.6, 1)
    part_width, part_height = int(width * zoom), int(height * zoom)
    left = choose.randint(0, source.shape[1] - part_width)
    top = choose.randint(0, source.shape[0] - part_height)
    part = source[top:top + part_height, left:left + part_width]
    picture = cv2.resize(part, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    grain = noise.randn(height, width, 1).astype(np.float32)
    wanted, low, high = scale**2 * choose.randint(60_000, 120_000), 0.0, 40.0
    for _ in range(7):
        strength = (low + high) / 2
        grainy = np.clip(picture + strength * grain, 0, 255).astype(np.uint8)
        encoded = cv2.imencode(".jpg", grainy, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
        low, high = (strength, high) if len(encoded) < wanted else (low, strength)
    return label, encoded


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--images", type=int, default=600)
    parser.add_argument("--scale", type=int, default=1)
    options = parser.parse_args()
    choose, noise, sources, sizes = random.Random(1), np.random.RandomState(1), originals(), []
    with open(options.out, "wb") as out:
        for number in range(options.images):
            label, encoded = photo(choose, noise, sources, options.scale)
            sizes.append(len(encoded))
            payload = struct.pack("<IfQQ", 0, label, number, 0) + encoded
            assert MAGIC.to_bytes(4, "little") not in payload, "split records are not written here"
            out.write(struct.pack("<II", MAGIC, len(payload)) + payload + b"\0" * (-len(payload) % 4))
    print(f"{len(sizes)} photographs, {sum(sizes) / len(sizes) / 1024:.0f} KiB on average")


if __name__ == "__main__":
    main()
