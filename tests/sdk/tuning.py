"""A tuning job on SageMaker: the ranges AWS recommends for image classification, over our image.

The platform knows the metrics of its own images alone, so they are given here; `brazier train --metric-definitions`
prints all of them. scripts/local-tune searches on this machine instead.
"""
from sagemaker.tuner import CategoricalParameter, ContinuousParameter, HyperparameterTuner, IntegerParameter

METRICS = [
    {"Name": "validation:accuracy", "Regex": "Validation-accuracy=([0-9\\.]+)"},
    {"Name": "train:accuracy:epoch", "Regex": "Train-accuracy=([0-9\\.]+)"},
]

RANGES = {
    "learning_rate": ContinuousParameter(1e-4, 0.3, scaling_type="Logarithmic"),
    "mini_batch_size": IntegerParameter(16, 128),
    "momentum": ContinuousParameter(0.8, 0.99),
    "weight_decay": ContinuousParameter(1e-5, 1e-2, scaling_type="Logarithmic"),
    "optimizer": CategoricalParameter(["sgd", "adam", "rmsprop", "nag"]),
}


def tuner(estimator, jobs=20, at_once=2):
    """A tuner over an Estimator whose other hyperparameters are set; `fit` of it starts the jobs."""
    return HyperparameterTuner(estimator, "validation:accuracy", RANGES, METRICS, objective_type="Maximize", max_jobs=jobs,
                               max_parallel_jobs=at_once, early_stopping_type="Auto")
