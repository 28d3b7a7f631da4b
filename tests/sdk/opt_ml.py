"""A job's /opt/ml without the SDK, as the platform makes it."""
import json
import os
import subprocess

from local_mode import IMAGE

HYPERPARAMETERS = {"num_layers": "20", "image_shape": "1,28,28", "num_classes": "10", "num_training_samples": "64",
                   "mini_batch_size": "16", "epochs": "1"}


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def configure(folder, hyperparameters, mode="File", host="algo-1", hosts=("algo-1",)):
    """The three files of input/config, in the form that real jobs of 2025 have, and empty folders."""
    config = os.path.join(folder, "input", "config")
    channel = {"ContentType": "application/x-recordio", "TrainingInputMode": mode,
               "S3DistributionType": "FullyReplicated", "RecordWrapperType": "None"}
    group = {"instance_group_name": "homogeneousCluster", "instance_type": "ml.c5.xlarge", "hosts": list(hosts)}
    write(os.path.join(config, "hyperparameters.json"), json.dumps(HYPERPARAMETERS | hyperparameters))
    write(os.path.join(config, "inputdataconfig.json"), json.dumps({"train": channel, "validation": channel}))
    write(os.path.join(config, "resourceconfig.json"), json.dumps({
        "current_host": host, "current_instance_type": "ml.c5.xlarge", "current_group_name": "homogeneousCluster",
        "hosts": list(hosts), "instance_groups": [group], "network_interface_name": "eth0", "topology": None}))
    for name in ["input/data", "model", "output/data"]:
        os.makedirs(os.path.join(folder, name), exist_ok=True)


def run(folder, *flags, command="train", timeout=600):
    """Runs the image on the tree to its end."""
    return subprocess.run(["docker", "run", "--rm", "--volume", f"{folder}:/opt/ml", *flags, IMAGE, command],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout)


def weights(folder):
    """The bytes of the artifact's only weights."""
    names = [name for name in os.listdir(os.path.join(folder, "model")) if name.endswith(".params")]
    assert len(names) == 1, names
    with open(os.path.join(folder, "model", names[0]), "rb") as file:
        return file.read()
