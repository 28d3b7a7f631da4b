"""Forms of a channel beside the book's, and errors in them that must reach the user."""
import os
import shutil
import tarfile

import pytest

import digits
from local_mode import estimator, fit, images, records

# A network that learns nothing in its few steps, but is done in seconds.
SHORT = {"num_layers": 20, "image_shape": "1,28,28", "num_classes": 10, "num_training_samples": 64, "mini_batch_size": 16,
         "epochs": 1}


def failure(folder):
    """The text of the failure file, where local mode leaves it."""
    with tarfile.open(os.path.join(folder, "output.tar.gz")) as archive:
        return archive.extractfile("failure").read().decode()


def test_class_folders(folder):
    for channel, count in [("train", 100), ("validation", 50)]:
        digits.listed(folder, channel, count)
        shutil.rmtree(os.path.join(folder, f"{channel}_lst"))
    said = fit(estimator(folder, hyperparameters=SHORT), {name: images(f"{folder}/{name}") for name in ["train", "validation"]})
    assert "100 images in 10 class folders" in said or "class" in said, said
    assert "Epoch[0] Validation-accuracy=" in said


def test_record_files_and_the_channel_named_training(folder):
    data = os.path.join(digits.ROOT, "datasets", "mnist")
    # The SDK makes links of nothing and refuses no repository, but a channel must not be written to: a copy shows it.
    for name in ["train", "validation"]:
        shutil.copytree(os.path.join(data, name), os.path.join(folder, name))
    before = sorted(os.listdir(f"{folder}/train"))
    said = fit(estimator(folder, hyperparameters=SHORT), {"training": records(f"{folder}/train"),
                                                          "validation": records(f"{folder}/validation")})
    assert "4000 records in train.rec" in said
    assert sorted(os.listdir(f"{folder}/train")) == before


def test_a_bad_hyperparameter_reaches_the_user(folder, channels):
    with pytest.raises(RuntimeError, match="exit code: 2|returned non-zero|Failed to run"):
        job = estimator(folder, hyperparameters={**SHORT, "learning_rat": 0.1})
        fit(job, channels)
    assert failure(folder).startswith("ClientError:") and "learning_rat" in failure(folder), failure(folder)
    assert "Customer Error" in job.said and "learning_rat" in job.said


def test_a_damaged_image_is_named(folder):
    for channel in ["train", "validation"]:
        digits.listed(folder, channel, 100)
    victim = sorted(os.listdir(f"{folder}/train/3"))[0]
    with open(f"{folder}/train/3/{victim}", "r+b") as file:
        file.truncate(60)
    names = ["train", "validation", "train_lst", "validation_lst"]
    with pytest.raises(RuntimeError):
        fit(estimator(folder, hosts=2, hyperparameters=SHORT | {"num_training_samples": 100, "mini_batch_size": 10}),
            {name: images(f"{folder}/{name}") for name in names})
    assert failure(folder).startswith(f"ClientError: 3/{victim} (train.lst line"), failure(folder)
    assert len(failure(folder)) < 1000
