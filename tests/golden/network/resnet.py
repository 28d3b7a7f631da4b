"""The ResNet family of MXNet's image-classification example as this project lays it out, built with mx.sym.

The layout follows from two facts alone: `num_layers` chooses the stages, the image's height the stem.
Names, attributes and their order are those of MXNet's own symbols/resnet.py, so that a saved graph can be
compared node by node with what SageMaker's built-in algorithm wrote.
"""
import mxnet as mx

# Units a stage, (width of the stem, widths of the stages), bottleneck units?
FOUR_NARROW = (64, (64, 128, 256, 512), False)
FOUR_WIDE = (64, (256, 512, 1024, 2048), True)
THREE = (16, (16, 32, 64), False)
FAMILY = {
    18: ((2, 2, 2, 2), *FOUR_NARROW),
    34: ((3, 4, 6, 3), *FOUR_NARROW),
    50: ((3, 4, 6, 3), *FOUR_WIDE),
    101: ((3, 4, 23, 3), *FOUR_WIDE),
    152: ((3, 8, 36, 3), *FOUR_WIDE),
    200: ((3, 24, 36, 3), *FOUR_WIDE),
    20: ((3, 3, 3), *THREE),
    32: ((5, 5, 5), *THREE),
    44: ((7, 7, 7), *THREE),
    56: ((9, 9, 9), *THREE),
    110: ((18, 18, 18), *THREE),
}
SMALL_HEIGHT = 32


def norm(data, name, fix_gamma=False):
    return mx.sym.BatchNorm(data=data, fix_gamma=fix_gamma, eps=2e-5, momentum=0.9, name=name)


def relu(data, name):
    return mx.sym.Activation(data=data, act_type="relu", name=name)


def convolution(data, name, width, kernel, stride, **padding):
    return mx.sym.Convolution(data=data, num_filter=width, kernel=(kernel, kernel), stride=(stride, stride),
                              no_bias=True, workspace=256, name=name, **padding)


def unit(data, name, width, stride, bottleneck, first):
    """Pre-activation residual unit; the first of a stage projects its shortcut, from behind the first ReLU."""
    steps = [(width // 4, 1, 1), (width // 4, 3, stride), (width, 1, 1)] if bottleneck else \
        [(width, 3, stride), (width, 3, 1)]
    body, shortcut = data, data
    for number, (inner, kernel, step) in enumerate(steps, 1):
        body = relu(norm(body, f"{name}_bn{number}"), f"{name}_relu{number}")
        if number == 1 and first:
            activated = body
        body = convolution(body, f"{name}_conv{number}", inner, kernel, step, pad=(kernel // 2, kernel // 2))
    if first:
        # Without `pad`: upstream leaves the attribute out here and nowhere else.
        shortcut = convolution(activated, f"{name}_sc", width, 1, stride)
    return body + shortcut


def resnet(num_layers, height, classes):
    """The training symbol: SoftmaxOutput over `classes`, for images of `height` rows and any width."""
    units, stem, widths, bottleneck = FAMILY[num_layers]
    with mx.name.NameManager():  # automatic names count from 0 in every graph
        body = mx.sym.identity(data=mx.sym.Variable(name="data"), name="id")
        body = norm(body, "bn_data", fix_gamma=True)
        if height <= SMALL_HEIGHT:
            body = convolution(body, "conv0", stem, 3, 1, pad=(1, 1))
        else:
            body = relu(norm(convolution(body, "conv0", stem, 7, 2, pad=(3, 3)), "bn0"), "relu0")
            body = mx.sym.Pooling(data=body, kernel=(3, 3), stride=(2, 2), pad=(1, 1), pool_type="max")
        for stage, (count, width) in enumerate(zip(units, widths), 1):
            for number in range(1, count + 1):
                stride = 2 if stage > 1 and number == 1 else 1
                body = unit(body, f"stage{stage}_unit{number}", width, stride, bottleneck, number == 1)
        body = relu(norm(body, "bn1"), "relu1")
        body = mx.sym.Pooling(data=body, global_pool=True, kernel=(7, 7), pool_type="avg", name="pool1")
        body = mx.sym.FullyConnected(data=mx.sym.Flatten(data=body), num_hidden=classes, name="fc1")
        return mx.sym.SoftmaxOutput(data=body, name="softmax")
