"""Makes the JPEGs of this folder and golden.json: for every scale (in eighths) rows x columns and the start
of the SHA-256 of the pixels that libjpeg-turbo, as OpenCV holds it, makes of them, in grey and in RGB.

Needs opencv-python-headless 5.0.0.93, numpy 2.4.6 and pillow 13.0.0. Run in this folder: python make.py
"""

import glob
import hashlib
import io
import json
import os

import cv2
import numpy as np
from PIL import Image

SAMPLINGS = {"444": 0x111111, "422": 0x211111, "440": 0x121111, "420": 0x221111, "411": 0x411111}


def picture(width, height, seed=5):
    """Waves, an edge and grain, so that all coefficients occur."""
    y, x = np.mgrid[0:height, 0:width]
    wave = np.stack([128 + 100 * np.sin(x / 5), 128 + 100 * np.cos(y / 7), 128 + 100 * np.sin((x + y) / 9)], axis=2)
    wave[(x * 3 + y * 2) % 61 < 20] = (250, 20, 60)
    grain = np.random.RandomState(seed).normal(0, 12, (height, width, 3))
    return np.clip(wave + grain, 0, 255).astype(np.uint8)


def by_opencv(name, image, quality, sampling, *options):
    flags = [cv2.IMWRITE_JPEG_QUALITY, quality, *options]
    if sampling:
        flags += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, SAMPLINGS[sampling]]
    cv2.imwrite(name, image[:, :, ::-1] if image.ndim == 3 else image, flags)


def by_pillow(name, image, **options):
    Image.fromarray(image).save(name, "JPEG", **options)


def segments(data):
    """(offset, marker) of every segment up to SOS."""
    at = 2
    while True:
        yield at, data[at + 1]
        if data[at + 1] == 0xDA:
            return
        at += 2 + int.from_bytes(data[at + 2:at + 4], "big")


def write(name, data):
    with open(name, "wb") as file:
        file.write(bytes(data))


def renamed(image, ids, keep_jfif=False, sampling="4:4:4"):
    """A JPEG whose components bear the names `ids`."""
    out = io.BytesIO()
    Image.fromarray(image).save(out, "JPEG", quality=85, subsampling=sampling)
    data = bytearray(out.getvalue())
    for at, marker in list(segments(data)):
        if marker == 0xC0:
            for index in range(3):
                data[at + 10 + 3 * index] = ids[index]
        if marker == 0xDA:
            for index in range(3):
                data[at + 5 + 2 * index] = ids[index]
    if not keep_jfif:
        for at, marker in list(segments(data)):
            if marker == 0xE0:
                del data[at:at + 2 + int.from_bytes(data[at + 2:at + 4], "big")]
                break
    return data


def adobe(data, transform):
    """With an Adobe marker in front."""
    marker = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00" + bytes([transform])
    return data[:2] + marker + data[2:]


def sampled(name, width, height, factors):
    """A JPEG with any sampling factors: the blocks of a grey one, dealt out to three components."""
    h, v = max(factor >> 4 for factor in factors), max(factor & 15 for factor in factors)
    units = -(-width // (8 * h)) * -(-height // (8 * v))
    blocks = units * sum((factor >> 4) * (factor & 15) for factor in factors)
    # Little contrast between blocks: their differences no longer belong to neighbours and would add up.
    x = np.arange(8 * blocks)
    grain = np.random.RandomState(3).normal(0, 25, (8, 8 * blocks))
    grey = np.clip(128 + 10 * np.sin(x / 40) + grain, 0, 255).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(grey).save(out, "JPEG", quality=80)
    data = out.getvalue()
    frame = next(at for at, marker in segments(data) if marker == 0xC0)
    scan = next(at for at, marker in segments(data) if marker == 0xDA)
    components = b"".join(bytes([index + 1, factor, 0]) for index, factor in enumerate(factors))
    size = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    write(name, data[:frame] + b"\xff\xc0\x00\x11\x08" + size + b"\x03" + components + data[frame + 13:scan]
          + b"\xff\xda\x00\x0c\x03\x01\x00\x02\x00\x03\x00\x00\x3f\x00" + data[scan + 10:])


def write_files():
    sizes = [(1, 1), (2, 3), (3, 2), (4, 5), (5, 4), (7, 9), (8, 8), (9, 16), (16, 16), (17, 15), (33, 31), (35, 51)]
    for sampling in SAMPLINGS:
        for width, height in sizes:
            by_opencv(f"{sampling}-{width}x{height}.jpg", picture(width, height), 80, sampling)
        for quality in (5, 50, 90, 100):
            by_opencv(f"{sampling}-q{quality}.jpg", picture(50, 38), quality, sampling)
        restart = [cv2.IMWRITE_JPEG_RST_INTERVAL, 3]
        by_opencv(f"{sampling}-restart.jpg", picture(70, 45), 75, sampling, *restart)
        optimised = [cv2.IMWRITE_JPEG_OPTIMIZE, 1]
        by_opencv(f"{sampling}-optimised.jpg", picture(45, 67), 92, sampling, *optimised)
    for width, height in [(1, 1), (7, 9), (16, 16), (35, 51)]:
        by_opencv(f"grey-{width}x{height}.jpg", picture(width, height)[:, :, 0], 85, None)
    by_opencv("grey-restart.jpg", picture(70, 45)[:, :, 0], 85, None, cv2.IMWRITE_JPEG_RST_INTERVAL, 5)
    by_opencv("long.jpg", picture(200, 150), 90, "420")
    by_opencv("flat.jpg", np.full((60, 60, 3), 77, np.uint8), 90, "420")
    noise = np.random.RandomState(1).choice([0, 255], (40, 56, 3)).astype(np.uint8)
    by_opencv("noise-q100.jpg", noise, 100, "444")
    by_opencv("noise-q5.jpg", noise, 5, "420")
    image = picture(37, 29)
    by_pillow("one-step.jpg", image, qtables=[[1] * 64, [1] * 64], subsampling=0)
    by_pillow("wide-steps.jpg", image, qtables=[[300 + 9 * n for n in range(64)], [280] * 64], subsampling=2)
    by_pillow("comment.jpg", image, quality=80, comment=b"\xff\xd9 a comment")
    write("ids-rgb.jpg", renamed(image, b"RGB"))
    write("ids-rgb-420.jpg", renamed(image, b"RGB", sampling="4:2:0"))
    write("ids-rgb-jfif.jpg", renamed(image, b"RGB", keep_jfif=True))
    write("ids-other.jpg", renamed(image, [7, 3, 9]))
    write("adobe-rgb.jpg", adobe(renamed(image, [1, 2, 3]), 0))
    write("adobe-ycc.jpg", adobe(renamed(image, b"RGB"), 1))
    for factors in [(0x14, 0x11, 0x11), (0x22, 0x21, 0x21), (0x22, 0x12, 0x12), (0x22, 0x12, 0x11), (0x42, 0x11, 0x11),
                    (0x21, 0x21, 0x21), (0x12, 0x12, 0x12), (0x41, 0x21, 0x11), (0x24, 0x11, 0x11)]:
        sampled("factors-" + "-".join(f"{factor:x}" for factor in factors) + ".jpg", 45, 67, factors)
    data = open("420-35x51.jpg", "rb").read()
    write("junk-behind.jpg", data + b"\xff\x00junk")
    write("fill-bytes.jpg", data[:2] + b"\xff\xff" + data[2:-2] + b"\xff\xff" + data[-2:])


def write_others():
    """Kinds that are left to a general decoder."""
    image = picture(33, 31)
    by_pillow("other-progressive.jpg", image, quality=80, progressive=True)
    Image.fromarray(image).convert("CMYK").save("other-cmyk.jpg", quality=80)
    out = bytearray(open("420-33x31.jpg", "rb").read())
    frame = next(at for at, marker in segments(out) if marker == 0xC0)
    out[frame + 4] = 12
    write("other-twelve-bit.jpg", out)
    out[frame + 4] = 8
    out[frame + 1] = 0xC9
    write("other-arithmetic.jpg", out)
    out[frame + 1] = 0xC0
    out[frame + 5:frame + 7] = b"\0\0"
    write("other-no-height.jpg", out)


def sha256(name, flag):
    image = cv2.imread(name, flag | cv2.IMREAD_IGNORE_ORIENTATION)
    if image.ndim == 3:
        image = image[:, :, ::-1]
    digest = hashlib.sha256(np.ascontiguousarray(image).tobytes()).hexdigest()
    return f"{image.shape[0]}x{image.shape[1]} {digest[:16]}"


SCALES = {8: (cv2.IMREAD_COLOR, cv2.IMREAD_GRAYSCALE),
          4: (cv2.IMREAD_REDUCED_COLOR_2, cv2.IMREAD_REDUCED_GRAYSCALE_2),
          2: (cv2.IMREAD_REDUCED_COLOR_4, cv2.IMREAD_REDUCED_GRAYSCALE_4),
          1: (cv2.IMREAD_REDUCED_COLOR_8, cv2.IMREAD_REDUCED_GRAYSCALE_8)}


for old in glob.glob("*.jpg"):
    os.remove(old)
write_files()
cases = {}
for name in sorted(glob.glob("*.jpg")):
    cases[name] = {str(size): [sha256(name, grey), sha256(name, color)]
                   for size, (color, grey) in SCALES.items()}
write_others()
with open("golden.json", "w") as file:
    file.write("{\n" + ",\n".join(f'"{name}": {json.dumps(case)}' for name, case in cases.items()) + "\n}\n")
