"""One peer's endpoint, for scripts/bench/endpoint, which starts this under the peer's own Python.

    python endpoint_peers.py PEER --weights FILE --shape 1,28,28 --port N --threads N

A model behind FastAPI on uvicorn (uvloop, httptools): one thread computes beside the event loop, Pillow decodes. `onnx`
takes an .onnx file, `torch` and `torch-compiled` a .safetensors file, both as `brazier export` writes them of a ResNet-18.
The model is loaded in the thread that will compute: a second OpenMP team would halve PyTorch's speed.
"""
import argparse
import asyncio
import io
import json
from concurrent.futures import ThreadPoolExecutor


def decoder(shape):
    import numpy as np
    from PIL import Image
    channels, height, width = shape

    def decode(body):
        image = Image.open(io.BytesIO(body)).convert("L" if channels == 1 else "RGB")
        if image.size != (width, height):
            image = image.resize((width, height), Image.BILINEAR)
        pixels = np.asarray(image, dtype=np.float32).reshape(height, width, channels)
        return np.ascontiguousarray(pixels.transpose(2, 0, 1))[None]
    return decode


def onnx(options):
    import onnxruntime
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    session = onnxruntime.InferenceSession(options.weights, settings, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda pixels: session.run(None, {name: pixels})[0][0]


def torch(options, compiled=False):
    import torch
    import torch.nn.functional as functional
    from safetensors.torch import load_file
    torch.set_num_threads(options.threads)

    class ResNet18(torch.nn.Module):
        """The algorithm's network with its running statistics, from weights under MXNet's names."""

        def __init__(self, weights):
            super().__init__()
            self.weights = torch.nn.ParameterDict(
                {name: torch.nn.Parameter(value, requires_grad=False) for name, value in weights.items()})

        def norm(self, x, name):
            w = self.weights
            gamma = torch.ones_like(w[f"{name}_gamma"]) if name == "bn_data" else w[f"{name}_gamma"]
            return functional.batch_norm(
                x, w[f"{name}_moving_mean"], w[f"{name}_moving_var"], gamma, w[f"{name}_beta"], eps=2e-5)

        def convolution(self, x, name, stride=1):
            weight = self.weights[f"{name}_weight"]
            return functional.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)

        def unit(self, x, name, stride):
            active = functional.relu(self.norm(x, f"{name}_bn1"))
            inner = functional.relu(self.norm(self.convolution(active, f"{name}_conv1", stride), f"{name}_bn2"))
            shortcut = self.convolution(active, f"{name}_sc", stride) if f"{name}_sc_weight" in self.weights else x
            return self.convolution(inner, f"{name}_conv2") + shortcut

        def forward(self, x):
            large = self.weights["conv0_weight"].shape[-1] == 7
            x = self.convolution(self.norm(x, "bn_data"), "conv0", 2 if large else 1)
            if large:
                x = functional.max_pool2d(functional.relu(self.norm(x, "bn0")), 3, 2, 1)
            for stage in range(1, 5):
                for number in (1, 2):
                    x = self.unit(x, f"stage{stage}_unit{number}", 2 if stage > 1 and number == 1 else 1)
            x = functional.relu(self.norm(x, "bn1")).mean((2, 3))
            return functional.linear(x, self.weights["fc1_weight"], self.weights["fc1_bias"]).softmax(1)

    network = ResNet18(load_file(options.weights)).eval().to(memory_format=torch.channels_last)
    if compiled:
        import torch._inductor.config as inductor
        inductor.freezing = True
        network = torch.compile(network)

    def predict(pixels):
        with torch.inference_mode():
            return network(torch.from_numpy(pixels).to(memory_format=torch.channels_last))[0].numpy()
    return predict


PEERS = {"onnx": onnx, "torch": torch, "torch-compiled": lambda options: torch(options, True)}


def application(options):
    from fastapi import FastAPI, Request, Response
    pool, api, decode = ThreadPoolExecutor(1), FastAPI(), decoder(options.shape)

    def load():
        import numpy
        predict = PEERS[options.peer](options)
        predict(numpy.zeros((1, *options.shape), numpy.float32))
        return predict
    predict = pool.submit(load).result()

    def answer(body):
        return json.dumps([float(value) for value in predict(decode(body))])

    @api.get("/ping")
    async def ping():
        return Response()

    @api.post("/invocations")
    async def invocations(request: Request):
        body = await request.body()
        text = await asyncio.get_running_loop().run_in_executor(pool, answer, body)
        return Response(text, media_type="application/json")
    return api


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--shape", type=lambda text: [int(side) for side in text.split(",")], required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    import uvicorn
    uvicorn.run(application(options), host="127.0.0.1", port=options.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
