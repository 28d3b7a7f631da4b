"""The book's first notebook, step by step: two hosts, an endpoint, digits recognised."""
import json
import os
import re
import tarfile

from sagemaker.serializers import IdentitySerializer

import digits
from local_mode import docker

NAMES = ["ZERO", "ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE"]


def get_class_from_results(results):
    """As the notebook has it: the place of the largest probability."""
    probabilities = json.loads(results)
    assert len(probabilities) == 10 and abs(sum(probabilities) - 1) < 1e-3, probabilities
    return NAMES[probabilities.index(max(probabilities))]


def test_two_hosts_train_one_model(book):
    hosts = set(re.findall(r"^(\S*algo-[12]-\w+)", book.said, re.MULTILINE))
    assert len(hosts) == 2, hosts
    assert "Rank 1 of 2, waiting for the others at" in book.said
    accuracy = [float(value) for value in re.findall(r"Validation-accuracy=([0-9.]+)", book.said)]
    assert accuracy[-1] >= 0.9, accuracy
    # A terminal is attached, and still there are no colours and no line is drawn twice.
    assert "\x1b[3" not in re.sub(r"\x1b\[\d+m(?=\S*algo|\s*\|)", "", book.said.split("Training ")[-1])
    with tarfile.open(book.model_data.removeprefix("file://")) as archive:
        names = sorted(archive.getnames())
    assert [re.sub(r"\d{4}", "NNNN", name) for name in names] == [
        "brazier.json", "image-classification-NNNN.params", "image-classification-symbol.json", "model-shapes.json"]
    with tarfile.open(os.path.join(os.path.dirname(book.model_data.removeprefix("file://")), "output.tar.gz")) as archive:
        assert {"data/report.html", "data/report.json"} <= set(archive.getnames())


def test_the_endpoint_recognises_digits_and_goes_away(book):
    predictor = book.deploy(initial_instance_count=1, instance_type="local", serializer=IdentitySerializer("application/x-image"),
                            wait=False)
    try:
        told = []
        for digit, path in digits.tests():
            with open(path, "rb") as file:
                told.append((NAMES[digit], get_class_from_results(predictor.predict(bytearray(file.read())))))
        right = sum(digit == answer for digit, answer in told)
        assert right >= len(told) - 2, told
    finally:
        predictor.delete_endpoint()
    running = docker("ps", "--quiet", "--filter", "ancestor=" + book.image_uri)
    assert running == ""
    # The server's own exit code, seen by the engine: SIGTERM was answered.
    last = docker("ps", "--all", "--latest", "--format", "{{.Status}}")
    assert last.startswith("Exited (0)"), last
