"""What we show to users does what it says: the notebook, the tuning job, the local search, the pages' commands."""
import os
import re
import subprocess
from unittest import mock

import nbformat
from nbclient import NotebookClient

import digits
import tuning
from local_mode import IMAGE, docker, estimator
from test_isolation import PROGRAM, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))


def blocks(page, heading):
    """The commands of the first block of code below a heading of a page."""
    with open(os.path.join(digits.ROOT, page), encoding="utf-8") as file:
        below = file.read().split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^```\n(.*?)^```", below, re.MULTILINE | re.DOTALL)


def shell(commands, folder, **environment):
    """Runs commands in a copy of the repository's outside: links to what they need, so that what they make is elsewhere."""
    for name in ["datasets", "scripts", "docker", "tests", "crates", "Cargo.toml", "Cargo.lock", ".cargo", ".git"]:
        if not os.path.lexists(os.path.join(folder, name)):
            os.symlink(os.path.join(digits.ROOT, name), os.path.join(folder, name))
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", commands], cwd=folder, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, env=os.environ | environment)
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_the_notebook(monkeypatch):
    monkeypatch.setenv("BRAZIER_SAMPLES", "320")
    monkeypatch.setenv("BRAZIER_EPOCHS", "1")
    notebook = nbformat.read(os.path.join(HERE, "digits.ipynb"), as_version=4)
    NotebookClient(notebook, timeout=900, resources={"metadata": {"path": HERE}}).execute()
    told = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    assert "of 12 recognised" in told, told


def test_a_tuning_job_asks_for_what_the_image_has(folder):
    job = estimator(folder)
    job.set_hyperparameters(num_classes=10, num_training_samples=4000, num_layers=18, image_shape="1,28,28")
    search = tuning.tuner(job)
    with mock.patch.object(job.sagemaker_session, "create_tuning_job", create=True) as asked, \
            mock.patch.object(search, "_prepare_job_name_for_tuning", create=True):
        search.fit({"train": f"file://{digits.ROOT}/datasets/mnist/train"}, wait=False)
    request = str(asked.call_args)
    for words in ["validation:accuracy", "learning_rate", "Logarithmic", "mini_batch_size"]:
        assert words in request, request
    printed = subprocess.run([PROGRAM, "train", "--metric-definitions"], capture_output=True, text=True, check=True).stdout
    for metric in tuning.METRICS:
        assert f'"{metric["Name"]}"' in printed
    flags = subprocess.run([PROGRAM, "train", "--help"], capture_output=True, text=True, check=True).stdout
    for name in tuning.RANGES:
        assert f"--{name.replace('_', '-')} " in flags, name


def local_tune(*arguments):
    return subprocess.run([os.path.join(digits.ROOT, "scripts", "local-tune"), os.path.join(digits.ROOT, "datasets", "mnist"),
                           "--program", PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_a_local_search_names_the_best_trial(folder):
    done = local_tune("--trials", "3", "--out", f"{folder}/tune", "--range", "learning_rate=log:0.0001:0.2", "--set", "epochs=1",
                      "--set", "num_training_samples=320")
    assert done.returncode == 0, done.stdout
    accuracies = [float(value) for value in re.findall(r"^\d/3  validation accuracy ([0-9.]+)", done.stdout, re.MULTILINE)]
    best, trial = re.search(r"^best: ([0-9.]+) with .* is in \S+/(\d)$", done.stdout, re.MULTILINE).groups()
    assert len(accuracies) == 3 and float(best) == max(accuracies), done.stdout
    assert accuracies[int(trial) - 1] == max(accuracies)
    assert os.path.exists(f"{folder}/tune/{trial}/model.tar.gz")
    wrong = local_tune("--range", "learning_rat=0.1:0.2", "--out", f"{folder}/other")
    assert wrong.returncode == 1 and "learning_rat" in wrong.stdout
    wrong = local_tune("--range", "momentum=0.9:0.2", "--out", f"{folder}/other")
    assert wrong.returncode == 1 and "LOW below HIGH" in wrong.stdout


def test_the_readme_word_for_word(folder):
    """Only the program is not compiled anew: BRAZIER_PROGRAM stands in for what Docker would build."""
    (commands,) = blocks("README.md", "In a container")[:1]
    told = shell(commands, folder, BRAZIER_PROGRAM=PROGRAM)
    right = int(re.search(r"^(\d+) of 12 digits recognised", told, re.MULTILINE)[1])
    assert right >= 10, told
    assert docker("ps", "--quiet", "--filter", "ancestor=brazier") == ""


def test_plain_docker(folder):
    run, bare = blocks("docker/README.md", "docker run")
    # The first job is the whole of the small data set: cut short here.
    run = run.replace("--output /models/mnist", "--output /models/mnist --num-training-samples 640 --epochs 1")
    train, serve, ask, stop = run.strip().splitlines()
    shell("docker tag " + IMAGE + " brazier\n" + train + "\n" + serve, folder)
    try:
        wait_for("http://localhost:8080/ping")
        told = shell(ask, folder)
        assert len(told.strip().splitlines()[-1].split(",")) == 10, told
    finally:
        shell(stop, folder)
    shell(bare, folder)
    assert os.path.exists(f"{folder}/models/bare/model.tar.gz")


def test_compose(folder):
    (commands,) = blocks("docker/README.md", "Several hosts")[:1]
    if subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0:
        commands = commands.replace("docker-compose", "docker compose")
    shell(f"docker tag {IMAGE} brazier\n{commands}", folder)
    assert os.path.exists(f"{folder}/models/two/new/model.tar.gz")
