"""The book's second notebook: another job goes on from the first one's model, with more data and checkpoints."""
import os

import digits
from conftest import TRAIN, VALIDATION
from local_mode import BOOK, docker, estimator, fit, images


def test_a_job_goes_on_from_a_model_with_more_data(book, folder):
    more = min(TRAIN + 300, 4000)
    for name, count in [("train", more), ("validation", VALIDATION)]:
        digits.listed(folder, name, count)
    # Local mode refuses checkpoint_s3_uri; a volume at the same place is what the platform would make of it.
    checkpoints = os.path.join(folder, "checkpoints")
    os.makedirs(checkpoints)
    store = docker("create", "--volume", f"{checkpoints}:/opt/ml/checkpoints", book.image_uri, "--version").strip()
    job = estimator(folder, hosts=2, container={"volumes_from": [f"container:{store}"]}, enable_network_isolation=True,
                    model_uri=book.model_data)
    job.set_hyperparameters(**{**BOOK, "learning_rate": 0.005}, num_training_samples=320, epochs=1, checkpoint_min_seconds=0)
    names = ["train", "validation", "train_lst", "validation_lst"]
    said = fit(job, {name: images(f"{folder}/{name}") for name in names})
    docker("rm", store)
    assert f"{more} images" in said
    assert "Using the model of the channel 'model' for initializing weights" in said, said
    # What it starts from knows the digits already: one short epoch at a low rate is right at once.
    accuracy = float(said.split("Validation-accuracy=")[-1].split()[0])
    assert accuracy >= 0.8, accuracy
    kept = [name for name in os.listdir(checkpoints) if name.endswith(".checkpoint")]
    assert 1 <= len(kept) <= 2, os.listdir(checkpoints)
