"""Handwritten digits as channels, from datasets/mnist."""
import os
import struct

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))


def samples(channel):
    """Label, number and PNG of each digit of a channel of datasets/mnist, whose records are all whole."""
    with open(os.path.join(ROOT, "datasets", "mnist", channel, f"{channel}.rec"), "rb") as file:
        data = file.read()
    at = 0
    while at < len(data):
        magic, length = struct.unpack("<II", data[at:at + 8])
        assert magic == 0xCED7230A and length >> 29 == 0, f"byte {at} begins no whole record"
        _, label, number, _ = struct.unpack("<IfQQ", data[at + 8:at + 32])
        yield int(label), number, data[at + 32:at + 8 + length]
        at += 8 + length + -length % 4


def write(path, content):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)


def listed(folder, channel, count, skip=0):
    """Digits as `<digit>/<number>.png` in `folder/channel`, and their list in `folder/channel_lst`."""
    lines = []
    for label, number, png in list(samples(channel))[skip:skip + count]:
        write(os.path.join(folder, channel, str(label), f"{number:05d}.png"), png)
        lines.append(f"{number}\t{label:f}\t{label}/{number:05d}.png\n")
    write(os.path.join(folder, f"{channel}_lst", f"{channel}.lst"), "".join(lines).encode())


def tests():
    """The digit and the path of each test image."""
    folder = os.path.join(ROOT, "datasets", "mnist", "test")
    return [(int(name[0]), os.path.join(folder, name)) for name in sorted(os.listdir(folder))]


def record_file(channel, count):
    """The bytes of a .rec file of the channel's first digits."""
    with open(os.path.join(ROOT, "datasets", "mnist", channel, f"{channel}.rec"), "rb") as file:
        data = file.read()
    at = 0
    for _ in range(count):
        length = struct.unpack("<I", data[at + 4:at + 8])[0]
        at += 8 + length + -length % 4
    return data[:at]
