"""Three hosts, and a container that is killed."""
import os
import re
import tarfile
import threading
import time

import pytest

import digits
import opt_ml
from local_mode import IMAGE, docker, estimator, fit, records
from test_channels import SHORT, failure
from test_isolation import READ_ONLY

MNIST = os.path.join(digits.ROOT, "datasets", "mnist")


def mnist():
    return {name: records(os.path.join(MNIST, name)) for name in ["train", "validation"]}


def running():
    return docker("ps", "--quiet", "--filter", f"ancestor={IMAGE}").split()


def test_three_hosts(folder):
    job = estimator(folder, hosts=3, hyperparameters=SHORT | {"num_training_samples": 96})
    said = fit(job, mnist())
    assert "Rank 2 of 3" in said
    # Each host tells the figures of all hosts together: whichever log is scraped, the metric is the same.
    figures = re.findall(r"Epoch\[0\] Validation-accuracy=([0-9.]+)", said)
    assert len(figures) == 3 and len(set(figures)) == 1, figures
    codes = docker("ps", "--all", "--filter", f"ancestor={IMAGE}", "--last", "3", "--format", "{{.Status}}").splitlines()
    # The first that ends takes the others along: each has left its work by then, and none is killed (137).
    assert all(code.startswith("Exited (0)") for code in codes), codes


def test_a_killed_host_fails_the_job_and_the_next_one_resumes(folder):
    checkpoints = os.path.join(folder, "checkpoints")
    os.makedirs(checkpoints)
    store = docker("create", "--volume", f"{checkpoints}:/opt/ml/checkpoints", IMAGE, "--version").strip()
    container = {"volumes_from": [f"container:{store}"]}
    long = SHORT | {"num_training_samples": 320, "epochs": 3, "checkpoint_min_seconds": 0}

    def kill():
        while not any(name.endswith(".checkpoint") for name in os.listdir(checkpoints)):
            time.sleep(0.05)
        docker("kill", running()[0])

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    with pytest.raises(RuntimeError):
        fit(estimator(folder, hosts=2, container=container, hyperparameters=long), mnist())
    killer.join()
    assert running() == []
    said = fit(estimator(folder, hosts=2, container=container, hyperparameters=long), mnist())
    docker("rm", store)
    assert "Resuming from checkpoint" in said
    assert "Epoch[2] Validation-accuracy=" in said


def test_a_failure_of_the_last_rank_is_the_jobs(folder):
    """Its own data is damaged: the first rank would be content."""
    job = estimator(folder, hosts=2, hyperparameters=SHORT | {"num_training_samples": 6000})
    with pytest.raises(RuntimeError):
        fit(job, {"train": records(os.path.join(MNIST, "test")), "validation": mnist()["validation"]})
    assert failure(folder).startswith("ClientError:"), failure(folder)


def test_a_host_that_lags_loses_nothing(folder):
    """Compose ends a job with its first container: none may be first while another has work left."""
    def lag():
        for _ in range(2):
            while len(running()) < 2:
                time.sleep(0.05)
            time.sleep(1)
            for name in running()[:1]:
                docker("pause", name, check=False)
                time.sleep(3)
                docker("unpause", name, check=False)

    lagging = threading.Thread(target=lag, daemon=True)
    lagging.start()
    fit(estimator(folder, hosts=2, hyperparameters=SHORT), mnist())
    with tarfile.open(os.path.join(folder, "model.tar.gz")) as archive:
        assert any(name.endswith(".params") for name in archive.getnames())
    codes = docker("ps", "--all", "--filter", f"ancestor={IMAGE}", "--last", "2", "--format", "{{.Status}}").splitlines()
    assert all(code.startswith("Exited (0)") for code in codes), codes


def test_two_hosts_stopped_one_after_the_other_leave_a_model(folder):
    """The platform's SIGTERM reaches each host at a moment of its own."""
    hosts, started = ["algo-1", "algo-2"], []
    docker("network", "create", "brazier-stopped")
    try:
        for host in hosts:
            tree = os.path.join(folder, host)
            opt_ml.configure(tree, {"epochs": "100000"}, host=host, hosts=hosts)
            started.append(docker("run", "--detach", "--network", "brazier-stopped", "--network-alias", host, "--volume",
                                  f"{tree}:/opt/ml", *READ_ONLY, IMAGE).strip())
        while "Saved checkpoint" not in docker("logs", started[0]):
            assert docker("inspect", "--format", "{{.State.Running}}", started[0]).strip() == "true", docker("logs", started[0])
            time.sleep(0.2)
        docker("kill", "--signal", "TERM", started[1])
        time.sleep(1)
        docker("kill", "--signal", "TERM", started[0], check=False)
        clock = time.monotonic()
        codes = docker("wait", *started).split()
        assert codes == ["0", "0"] and time.monotonic() - clock < 20, [docker("logs", name) for name in started]
        assert len(opt_ml.weights(os.path.join(folder, "algo-1"))) > 100_000
    finally:
        docker("rm", "--force", *started)
        docker("network", "rm", "brazier-stopped")
