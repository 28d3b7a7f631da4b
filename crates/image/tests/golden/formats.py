"""Makes the files of the folder formats, and formats.json, what OpenCV makes of them.

Needs opencv-python-headless 5.0.0 and pillow 13.0.0. Run in this folder: python formats.py
"""

import json
import os
import struct
import zlib

import cv2
import numpy as np
from PIL import Image, PngImagePlugin

WIDTH, HEIGHT = 11, 7
rows, cols = np.mgrid[0:HEIGHT, 0:WIDTH]
smooth = np.stack([cols * 23, rows * 36, 255 - cols * 12 - rows * 9], axis=2).astype(np.uint8)
random = np.random.RandomState(11)
rough = random.randint(0, 256, (HEIGHT, WIDTH, 4)).astype(np.uint8)
rgb, rgba, grey = Image.fromarray(rough[:, :, :3].copy()), Image.fromarray(rough), Image.fromarray(rough[:, :, 0].copy())
soft = Image.fromarray(smooth)
exif = Image.Exif()
exif[0x0112] = 6


def save(name, image, **options):
    image.save("formats/" + name, **options)


def write(name, data):
    with open("formats/" + name, "wb") as file:
        file.write(data)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(bits, color, raster, interlaced=0, extra=b""):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, bits, color, 0, 0, interlaced))
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", zlib.compress(raster)) + chunk(b"IEND", b"")


def adam7(pixels):
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    parts = [pixels[y::dy, x::dx] for x, y, dx, dy in passes]
    return b"".join(b"\0" + row.tobytes() for part in parts if part.size for row in part)


def packed(bits):
    """Rows of `bits` a sample, the high bits of the grey image."""
    table = []
    for row in rough[:, :, 0] >> (8 - bits):
        text = "".join(format(value, f"0{bits}b") for value in row)
        text += "0" * (-len(text) % 8)
        table.append(b"\0" + bytes(int(text[at:at + 8], 2) for at in range(0, len(text), 8)))
    return b"".join(table)


def files():
    # PNG
    save("exif6.png", rgb, exif=exif)
    write("interlaced.png", png(8, 2, adam7(rough[:, :, :3]), interlaced=1))
    write("two_bit.png", png(2, 0, packed(2)))
    write("four_bit.png", png(4, 0, packed(4)))
    # Fully transparent where the grey value is that of the first pixel.
    write("grey_key.png", png(8, 0, b"".join(b"\0" + row.tobytes() for row in rough[:, :, 0]),
                              extra=chunk(b"tRNS", struct.pack(">H", int(rough[0, 0, 0])))))
    wide = random.randint(0, 65536, (HEIGHT, WIDTH, 4)).astype(np.uint16)
    cv2.imwrite("formats/rgba16.png", wide)
    save("animated.png", rgb, save_all=True, append_images=[soft])
    info = PngImagePlugin.PngInfo()
    info.add(b"gAMA", struct.pack(">I", 100000))
    save("gamma.png", rgb, pnginfo=info)
    # JPEG
    save("progressive.jpg", soft, quality=95, progressive=True)
    save("subsampled.jpg", soft, quality=95, subsampling=2)
    save("grey_progressive.jpg", soft.convert("L"), quality=95, progressive=True)
    cmyk = soft.convert("CMYK")
    cmyk.putdata([(c, m, y, (x * 5) % 200) for x, (c, m, y, _) in enumerate(cmyk.get_flattened_data())])
    save("cmyk.jpg", cmyk, quality=95)
    plain = bytearray(open("formats/cmyk.jpg", "rb").read())
    adobe = plain.index(b"Adobe")
    # The last byte of the Adobe segment: 0 is CMYK, 2 is YCCK.
    plain[adobe + 11] = 2
    write("ycck.jpg", plain)
    # Without the segment: CMYK as it is, not inverted.
    write("cmyk_plain.jpg", plain[:adobe - 4] + plain[adobe + 12:])
    save("rgb_adobe.jpg", soft, quality=95, keep_rgb=True)
    # WebP
    save("exif6.webp", rgb, lossless=True, exif=exif)
    save("alpha.webp", rgba, lossless=True, exact=True)
    save("lossy.webp", soft, quality=90)
    # TIFF
    save("exif6.tiff", rgb, tiffinfo={0x0112: 6})
    save("float.tiff", Image.fromarray((rough[:, :, 0] / 255).astype(np.float32)))
    cv2.imwrite("formats/float_rgb.tiff", (rough[:, :, 2::-1] / 255).astype(np.float32))
    cv2.imwrite("formats/rgb16.tiff", wide[:, :, :3])
    save("alpha.tiff", rgba)
    save("palette.tiff", rgb.quantize(16))
    save("one_bit.tiff", grey.convert("1"))
    save("two_pages.tiff", rgb, save_all=True, append_images=[soft])
    # GIF: the second frame changes a part only; one colour is transparent.
    save("still.gif", rgb.quantize(32))
    save("transparent.gif", rgb.quantize(32), transparency=3)
    # BMP
    save("palette.bmp", rgb.quantize(16))
    save("one_bit.bmp", grey.convert("1"))
    save("grey.bmp", grey)
    save("alpha.bmp", rgba)
    # PNM
    bits = rough[:, :, 0] > 127
    write("p1.pbm", b"P1\n# one bit\n11 7\n" + b"\n".join(b" ".join(b"1" if bit else b"0" for bit in row) for row in bits))
    write("p2.pgm", b"P2 11 7 255\n" + " ".join(map(str, rough[:, :, 0].flatten())).encode() + b"\n")
    write("p3.ppm", b"P3 11 7 255\n" + " ".join(map(str, rough[:, :, :3].flatten())).encode() + b"\n")
    write("p4.pbm", b"P4\n11 7\n" + np.packbits(bits, axis=1).tobytes())
    write("p5.pgm", b"P5\n# a comment\n11 7\n255\n" + rough[:, :, 0].tobytes())
    write("p6.ppm", b"P6 11 7 255\n" + rough[:, :, :3].tobytes())
    write("p5_16.pgm", b"P5 11 7 65535\n" + wide[:, :, 0].astype(">u2").tobytes())
    write("p5_15.pgm", b"P5 11 7 15\n" + (rough[:, :, 0] >> 4).tobytes())
    save("rgb.qoi", rgb)
    save("rgba.qoi", rgba)


def decoded():
    """[file, channels, [height, width], bytes]; null where OpenCV cannot read the file"""
    for name in sorted(os.listdir("formats")):
        data = np.fromfile("formats/" + name, np.uint8)
        for channels, flag in [(1, cv2.IMREAD_GRAYSCALE), (3, cv2.IMREAD_COLOR)]:
            image = cv2.imdecode(data, flag)
            if image is None:
                yield [name, channels, None, None]
                continue
            if channels == 3:
                image = image[:, :, ::-1]
            yield [name, channels, list(image.shape[:2]), image.flatten().tolist()]


def lines(cases):
    return "[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]\n"


files()
with open("formats.json", "w") as file:
    file.write(lines(decoded()))
