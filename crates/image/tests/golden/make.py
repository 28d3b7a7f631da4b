"""Makes the image files of this folder and golden.json, what OpenCV makes of them.

Needs opencv-python-headless 5.0.0 and pillow 13.0.0. Run in this folder: python make.py
"""

import json

import cv2
import numpy as np
from PIL import Image

WIDTH, HEIGHT = 16, 12
rows, cols = np.mgrid[0:HEIGHT, 0:WIDTH]
smooth = np.stack([cols * 16, rows * 21, 255 - cols * 8 - rows * 5], axis=2).astype(np.uint8)
rough = np.random.RandomState(7).randint(0, 256, (HEIGHT, WIDTH, 4)).astype(np.uint8)
rgb = Image.fromarray(smooth)


def write_files():
    Image.fromarray(rough[:, :, :3]).save("rgb.png")
    Image.fromarray(rough[:, :, 0]).save("grey.png")
    Image.fromarray(rough).save("rgba.png")
    Image.fromarray(rough[:, :, :2], "LA").save("grey_alpha.png")
    Image.fromarray(rough[:, :, 0] > 127).save("one_bit.png")
    palette = Image.fromarray(rough[:, :, :3]).quantize(16)
    palette.save("palette.png", transparency=3)
    wide = np.random.RandomState(8).randint(0, 65536, (HEIGHT, WIDTH, 3)).astype(np.uint16)
    cv2.imwrite("rgb16.png", wide)
    cv2.imwrite("grey16.png", wide[:, :, 0])
    rgb.save("rgb.jpg", quality=95, subsampling=0)
    rgb.convert("L").save("grey.jpg", quality=95)
    rgb.convert("CMYK").save("cmyk.jpg", quality=95)
    for orientation in range(2, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        rgb.save(f"orientation{orientation}.jpg", quality=95, subsampling=0, exif=exif)
    other = Image.fromarray(255 - smooth)
    rgb.save("animated.gif", save_all=True, append_images=[other])
    rgb.save("animated.webp", save_all=True, append_images=[other], lossless=True)
    rgb.save("rgb.webp", lossless=True)
    rgb.save("rgb.bmp")
    rgb.save("rgb.tiff", compression="tiff_lzw")


def decoded():
    """[file, channels, [height, width], bytes, largest difference to be allowed]"""
    lossless = ["rgb.png", "grey.png", "rgba.png", "grey_alpha.png", "one_bit.png", "palette.png", "rgb16.png",
                "grey16.png", "rgb.webp", "rgb.bmp", "rgb.tiff"]
    jpeg = ["rgb.jpg", "grey.jpg"] + [f"orientation{n}.jpg" for n in range(2, 9)]
    for name in lossless + jpeg:
        for channels, flag in [(1, cv2.IMREAD_GRAYSCALE), (3, cv2.IMREAD_COLOR)]:
            image = cv2.imread(name, flag)
            if channels == 3:
                image = image[:, :, ::-1]
            # libpng makes 16 bits grey before it makes them 8.
            allowed = 1 if name == "rgb16.png" and channels == 1 else 0
            yield [name, channels, list(image.shape[:2]), image.flatten().tolist(), allowed]
    # OpenCV reads neither the first frame of an animation nor CMYK in every build, so these come from Pillow.
    for name, allowed in [("animated.gif", 0), ("animated.webp", 0), ("cmyk.jpg", 4)]:
        image = np.asarray(Image.open(name).convert("RGB"))
        yield [name, 3, list(image.shape[:2]), image.flatten().tolist(), allowed]


def resized():
    """[file, [new height, new width], bytes], by INTER_LINEAR"""
    for name, flag in [("grey.png", cv2.IMREAD_GRAYSCALE), ("rgb.png", cv2.IMREAD_COLOR)]:
        image = cv2.imread(name, flag)
        for height, width in [(12, 32), (24, 16), (5, 7), (40, 9), (3, 29), (1, 1)]:
            small = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
            if small.ndim == 3:
                small = small[:, :, ::-1]
            yield [name, [height, width], small.flatten().tolist()]


def lines(cases):
    return "[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]"


write_files()
with open("golden.json", "w") as file:
    file.write('{"decoded": ' + lines(decoded()) + ',\n"resized": ' + lines(resized()) + "}\n")
