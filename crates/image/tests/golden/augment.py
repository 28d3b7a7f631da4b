"""Makes augment.json: what OpenCV makes of rgb.png and grey.png, warped and with shifted colours as MXNet does it.

Needs opencv-python-headless 4.5.5.64 and numpy 1.23.5, on a machine with AVX2. Run in this folder: python augment.py
"""

import json
import math

import cv2
import numpy as np

RGB = cv2.imread("rgb.png", cv2.IMREAD_COLOR)[:, :, ::-1].copy()
GREY = cv2.imread("grey.png", cv2.IMREAD_GRAYSCALE)


def warped():
    """[file, shear, degrees, aspect, bytes]"""
    f = np.float32
    for name, image in [("grey.png", GREY), ("rgb.png", RGB)]:
        height, width = image.shape[:2]
        for shear, degrees, aspect in [(0, 0, 1), (0.1, 10, 1.25), (-0.1, -10, 0.75), (0.03, 7, 0.9), (-0.08, 3, 1.1)]:
            a, b = f(math.cos(degrees / 180 * math.pi)), f(math.sin(degrees / 180 * math.pi))
            s, ratio = f(shear), f(aspect)
            hs = f(2) / (f(1) + ratio)
            ws = ratio * hs
            m = np.zeros((2, 3), np.float32)
            m[0, :2] = hs * a - s * b * ws, hs * b + s * a * ws
            m[1, :2] = -b * ws, a * ws
            m[0, 2] = (f(width) - (m[0, 0] * f(width) + m[0, 1] * f(height))) / f(2)
            m[1, 2] = (f(height) - (m[1, 0] * f(width) + m[1, 1] * f(height))) / f(2)
            out = cv2.warpAffine(image, m, (width, height), flags=cv2.INTER_LINEAR,
                                 borderMode=cv2.BORDER_CONSTANT, borderValue=(127, 127, 127))
            yield [name, shear, degrees, aspect, out.flatten().tolist()]


def shifted():
    """[hue, lightness, saturation, bytes], of rgb.png"""
    for offsets in [(0, 0, 0), (36, 50, 50), (-36, -50, -50), (17, -20, 35), (-5, 44, -31)]:
        hls = cv2.cvtColor(RGB, cv2.COLOR_RGB2HLS).astype(int) + offsets
        hls = np.clip(hls, 0, [180, 255, 255]).astype(np.uint8)
        yield [*offsets, cv2.cvtColor(hls, cv2.COLOR_HLS2RGB).flatten().tolist()]


def lines(cases):
    return "[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]"


with open("augment.json", "w") as file:
    file.write('{"warped": ' + lines(warped()) + ',\n"shifted": ' + lines(shifted()) + "}\n")
