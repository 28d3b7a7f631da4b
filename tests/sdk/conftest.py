"""What the tests share: data, a trained model, and an engine that is left as it was found."""
import os
import subprocess

import pytest

import digits
from local_mode import BOOK, IMAGE, docker, estimator, fit, images

# The book trains on 4000 digits for three epochs; BRAZIER_BOOK=full does so, in minutes.
FULL = os.environ.get("BRAZIER_BOOK") == "full"
TRAIN, EPOCHS, VALIDATION = (4000, 3, 1000) if FULL else (1500, 3, 200)


@pytest.fixture(scope="session", autouse=True)
def engine():
    """The image is there, and no container of it stays."""
    if subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True).returncode:
        pytest.exit(f"there is no image {IMAGE}: scripts/build-image makes it", returncode=1)
    yield
    left = docker("ps", "--all", "--quiet", "--filter", f"ancestor={IMAGE}").split()
    if left:
        docker("rm", "--force", *left)
    docker("network", "rm", "sagemaker-local", check=False)


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """The four channels of the book's notebook, in one folder."""
    folder = str(tmp_path_factory.mktemp("digits"))
    digits.listed(folder, "train", TRAIN)
    digits.listed(folder, "validation", VALIDATION)
    return folder


@pytest.fixture(scope="session")
def channels(data):
    return {name: images(f"{data}/{name}") for name in ["train", "validation", "train_lst", "validation_lst"]}


@pytest.fixture(scope="session")
def book(tmp_path_factory, channels):
    """The book's first notebook: a job on two hosts, trained."""
    folder = str(tmp_path_factory.mktemp("book"))
    job = estimator(folder, hosts=2, enable_network_isolation=True, metric_definitions=[
        {"Name": "validation:accuracy", "Regex": "Validation-accuracy=([0-9\\.]+)"}])
    job.set_hyperparameters(**BOOK, num_training_samples=TRAIN, epochs=EPOCHS)
    fit(job, channels)
    return job


@pytest.fixture
def folder(tmp_path):
    return str(tmp_path)
