"""Training steps of a ResNet in PyTorch, timed as crates/train/examples/step.rs times ours, one line out.

    gpu_torch.py DEVICE DEPTH C,H,W BATCH float32|bfloat16 STEPS eager|compiled

Torchvision's network (the small-image stem without pooling where the image is small), channels-last, SGD with momentum,
TF32 on, autocast for bfloat16: what a user of PyTorch would write. The loss is read at each step, as ours is.
"""
import sys
import time

import torch
import torchvision

device, depth, shape, batch, number_format, steps, mode = sys.argv[1:]
batch, steps = int(batch), int(steps)
channels, height, width = map(int, shape.split(","))
network = getattr(torchvision.models, "resnet" + depth)(num_classes=10)
network.conv1 = torch.nn.Conv2d(channels, 64, 7, 2, 3, bias=False)
if height <= 32:
    network.conv1, network.maxpool = torch.nn.Conv2d(channels, 64, 3, 1, 1, bias=False), torch.nn.Identity()
torch.backends.cudnn.benchmark = True
torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
network = network.to(device, memory_format=torch.channels_last)
forward = torch.compile(network) if mode == "compiled" else network
pixels = torch.randint(0, 256, (batch, height, width, channels), dtype=torch.uint8)
labels = (torch.arange(batch) % 10).to(device)
optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)


def step():
    # Bytes cross the bus, as in ours; a view of channels-last memory.
    images = pixels.to(device).permute(0, 3, 1, 2).float() / 255
    with torch.autocast(device.split(":")[0], torch.bfloat16, enabled=number_format == "bfloat16"):
        loss = torch.nn.functional.cross_entropy(forward(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


times = []
for _ in range(steps):
    clock = time.perf_counter()
    loss = step()
    times.append(time.perf_counter() - clock)
steady = sorted(times[3:])[(steps - 3) // 2]
memory = torch.cuda.max_memory_reserved() / 2**30 if device.startswith("cuda") else 0
print(f"torch {torch.__version__} {mode} {device} resnet{depth} {shape} batch {batch} {number_format}: "
      f"first {times[0]:.1f} s, then {steady * 1e3:.2f} ms a step, {batch / steady:.1f} images/s, loss [{loss:.6f}], "
      f"{memory:.2f} GiB reserved")
