#!/usr/bin/env python3
"""What MXNet's optimizers make of given gradients: updates.json, for the defaults of the algorithm's hyperparameters.

    python tests/golden/optimizers/make.py            writes it anew
    python tests/golden/optimizers/make.py --check    compares

The steps of a whole network (../network) take a larger eps for adam and rmsprop, since with 1e-8 a gradient that is nothing but rounding
error moves its weight as far as any other. Here the gradients are exact, from 1e-9 to 10, so that the place of eps in the formula shows.
Needs MXNet 1.9.1 (numpy 1.23.5).
"""
import json
import sys
from pathlib import Path

import mxnet as mx
import numpy as np

FILE = Path(__file__).with_name("updates.json")
GRADIENTS = [[sign * value * (1 + step / 2) for value in (1e-9, 1e-8, 1e-6, 1e-3, 0.1, 10.0) for sign in (1, -1)]
             for step in (0, 1, -3, 0.5)]
WEIGHTS = [0.05 * (at - 5) for at in range(len(GRADIENTS[0]))]
RATES = [0.1, 0.1, 0.01, 0.01]
RULES = {
    "sgd": lambda: mx.optimizer.SGD(momentum=0.9, wd=1e-4),
    "adam": lambda: mx.optimizer.Adam(beta1=0.9, beta2=0.999, epsilon=1e-8, wd=0.0),
    "rmsprop": lambda: mx.optimizer.RMSProp(gamma1=0.9, epsilon=1e-8, centered=False, wd=0.0),
}


def updates(rule):
    optimizer = rule()
    update = mx.optimizer.get_updater(optimizer)
    weights, steps = mx.nd.array(WEIGHTS), []
    for rate, gradients in zip(RATES, GRADIENTS):
        optimizer.lr = rate
        update(0, mx.nd.array(gradients), weights)
        steps.append([float(value) for value in weights.asnumpy()])
    return steps


def main():
    made = {"mxnet": mx.__version__, "weights": WEIGHTS, "rates": RATES, "gradients": GRADIENTS,
            "rules": {name: updates(rule) for name, rule in RULES.items()}}
    if "--check" not in sys.argv:
        FILE.write_text(json.dumps(made, indent=1) + "\n")
        return
    kept = json.loads(FILE.read_text())
    for name, steps in made["rules"].items():
        np.testing.assert_allclose(steps, kept["rules"][name], rtol=1e-6, err_msg=name)
    print("all as in", FILE.name)


main()
