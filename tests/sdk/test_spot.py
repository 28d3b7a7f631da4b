"""Managed spot training in Pipe mode: instances that vanish, and a bucket that knows less than they did."""
import os
import random
import time

import pytest

import digits
import opt_ml
from local_mode import IMAGE, docker
from platform_stand_in import Mirror, feed, restore

JOB = {"epochs": "4", "num_training_samples": "96", "mini_batch_size": "8", "checkpoint_min_seconds": "0"}
# How many restarts of each run went on from a checkpoint.
RESUMED = []
RUNS = int(os.environ.get("BRAZIER_SPOT", "4"))


def instance(folder, bucket):
    """A new instance: its configuration, the checkpoints of the bucket, fresh pipes."""
    opt_ml.configure(folder, JOB, mode="Pipe")
    opt_ml.write(os.path.join(folder, "input", "config", "checkpointconfig.json"), '{"LocalPath": "/opt/ml/checkpoints"}')
    restore(bucket, os.path.join(folder, "checkpoints"))
    feed(folder, "train", digits.record_file("train", 96), 4)
    feed(folder, "validation", digits.record_file("validation", 30), 4)


def uncut(folder):
    instance(folder, {})
    done = opt_ml.run(folder)
    assert done.returncode == 0, done.stdout
    return opt_ml.weights(folder)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The weights of a job that nobody interrupts, and how long it takes."""
    clock = time.monotonic()
    weights = uncut(str(tmp_path_factory.mktemp("whole")))
    return weights, time.monotonic() - clock


@pytest.mark.parametrize("seed", range(RUNS))
def test_interrupted_instances_end_with_the_weights_of_one_that_was_not(tmp_path, whole, seed):
    expected, lasts = whole
    chance, bucket, resumed = random.Random(seed), {}, 0
    # SIGTERM may or may not come before the end: nothing may depend on it.
    for number, signal in enumerate(chance.sample(["KILL", "TERM"], 2)):
        folder = str(tmp_path / f"instance-{number}")
        instance(folder, bucket)
        mirror = Mirror(os.path.join(folder, "checkpoints"), bucket, seed)
        started = docker("run", "--detach", "--volume", f"{folder}:/opt/ml", IMAGE).strip()
        time.sleep(chance.uniform(0.2, 0.7) * lasts)
        docker("kill", "--signal", signal, started, check=False)
        if signal == "TERM":
            time.sleep(chance.uniform(0, 1))
        mirror.cut()
        docker("kill", started, check=False)
        resumed += "Resuming from checkpoint" in docker("logs", started)
        docker("rm", "--force", started)
    folder = str(tmp_path / "last")
    instance(folder, bucket)
    last = opt_ml.run(folder)
    assert last.returncode == 0, last.stdout
    assert opt_ml.weights(folder) == expected, f"seed {seed}: {last.stdout}"
    RESUMED.append(resumed + ("Resuming from checkpoint" in last.stdout))


def test_some_of_them_found_a_checkpoint():
    """Without one a job begins anew and ends with the same weights, which would prove nothing."""
    if not RESUMED:
        pytest.skip("no interrupted job was run")
    print(f"{sum(RESUMED)} of {2 * len(RESUMED)} restarts found a checkpoint")
    assert sum(RESUMED) > 0
