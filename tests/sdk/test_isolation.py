"""No network, no rights, no secrets: what the container does without."""
import os
import shutil
import subprocess
import time
import urllib.request

import pytest

import digits
import opt_ml
from local_mode import IMAGE, docker, free_port

MNIST = os.path.join(digits.ROOT, "datasets", "mnist")
PROGRAM = os.environ.get("BRAZIER_PROGRAM", os.path.join(digits.ROOT, "target", "release", "brazier"))
# All that can be taken away from a container whose user is root.
BARE = ["--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--read-only", "--pids-limit", "256"]
READ_ONLY = [flag for name in ["train", "validation"]
             for flag in ["--volume", f"{MNIST}/{name}:/opt/ml/input/data/{name}:ro"]]


@pytest.fixture
def closed_network():
    """A network that leads nowhere: its containers see each other and this machine."""
    docker("network", "create", "--internal", "brazier-closed")
    yield "brazier-closed"
    docker("network", "rm", "brazier-closed")


def answers(url, image=None):
    request = urllib.request.Request(url, data=image, headers={"Content-Type": "application/x-image"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.status, answer.read().decode()


def wait_for(url, limit=60):
    for _ in range(limit * 5):
        try:
            return answers(url)
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"{url} does not answer")


def test_training_needs_no_network_no_rights_and_writes_nowhere_else(folder):
    opt_ml.configure(folder, {})
    done = opt_ml.run(folder, "--network", "none", *BARE, *READ_ONLY)
    assert done.returncode == 0, done.stdout
    assert len(opt_ml.weights(folder)) > 100_000


def test_the_endpoint_needs_neither(folder, closed_network):
    opt_ml.configure(folder, {})
    assert opt_ml.run(folder, *READ_ONLY).returncode == 0
    model = os.path.join(folder, "model")
    # What else lies there in local mode must not matter.
    shutil.copy(os.path.join(digits.ROOT, "LICENSE"), os.path.join(model, "output.tar.gz"))
    started = docker("run", "--detach", "--network", closed_network, *BARE, "--volume", f"{model}:/opt/ml/model:ro", IMAGE,
                     "serve").strip()
    try:
        address = docker("inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", started).strip()
        assert wait_for(f"http://{address}:8080/ping")[0] == 200
        with open(digits.tests()[0][1], "rb") as file:
            status, body = answers(f"http://{address}:8080/invocations", file.read())
        assert status == 200 and len(body.split(",")) == 10
        docker("stop", "--time", "30", started)
        assert docker("inspect", "--format", "{{.State.ExitCode}}", started).strip() == "0"
    finally:
        docker("rm", "--force", started)


def test_of_the_rights_that_docker_gives_the_endpoint_keeps_two():
    # Several models: none is needed yet.
    port, multi_model = free_port(), ["--env", "SAGEMAKER_MULTI_MODEL=true"]
    started = docker("run", "--detach", "--publish", f"127.0.0.1:{port}:8080", *multi_model, IMAGE, "serve").strip()
    try:
        assert wait_for(f"http://127.0.0.1:{port}/ping")[0] == 200
        told = docker("exec", started, "grep", "-E", "^(Cap|NoNewPrivs)", "/proc/1/status")
    finally:
        docker("rm", "--force", started)
    # CAP_DAC_OVERRIDE (bit 1) and CAP_FOWNER (bit 3) of linux/capability.h.
    kept, none = f"{1 << 1 | 1 << 3:016x}", f"{0:016x}"
    assert dict(line.split(":\t") for line in told.splitlines()) == {
        "CapInh": none, "CapPrm": kept, "CapEff": kept, "CapBnd": kept, "CapAmb": none, "NoNewPrivs": "1"}


def test_two_hosts_need_only_each_other(folder, closed_network):
    hosts, started = ["algo-1", "algo-2"], []
    for host in hosts:
        tree = os.path.join(folder, host)
        opt_ml.configure(tree, {}, host=host, hosts=hosts)
        started.append(docker("run", "--detach", "--network", closed_network, "--network-alias", host, *BARE,
                              "--volume", f"{tree}:/opt/ml", *READ_ONLY, IMAGE, "train").strip())
    codes = docker("wait", *started).split()
    said = [docker("logs", name) for name in started]
    docker("rm", *started)
    assert codes == ["0", "0"], said
    assert len(opt_ml.weights(os.path.join(folder, "algo-1"))) > 100_000
    # The platform puts the folders of all hosts into one artifact: only the first may write.
    assert os.listdir(os.path.join(folder, "algo-2", "model")) == []


def test_training_asks_nobody(folder):
    """Every call that could reach another machine is traced: there is none, not for a name nor for metadata."""
    if not shutil.which("strace") or not os.path.exists(PROGRAM):
        pytest.skip(f"it takes strace and {PROGRAM}")
    opt_ml.configure(folder, {})
    for name in ["train", "validation"]:
        shutil.copytree(f"{MNIST}/{name}", f"{folder}/input/data/{name}")
    trace = os.path.join(folder, "trace")
    subprocess.run(["strace", "-f", "-qq", "-e", "trace=%network", "-o", trace, PROGRAM, "train", "--prefix", folder],
                   check=True, stdout=subprocess.DEVNULL)
    with open(trace, encoding="utf-8", errors="replace") as file:
        calls = [line for line in file if "AF_INET" in line or "AF_INET6" in line]
    assert calls == []


SECRETS = {"AWS_ACCESS_KEY_ID": "AKIAFAKEFAKEFAKEFAKE", "AWS_SECRET_ACCESS_KEY": "wJalrFAKEFAKEFAKE/K7MDENG/bPxRfiCYEXAMPLE",
           "AWS_SESSION_TOKEN": "IQoJFAKETOKEN", "DATABASE_PASSWORD": "correct-horse-FAKE"}


@pytest.mark.parametrize("hyperparameters, code", [({}, 0), ({"num_layers": "19"}, 2)])
def test_no_secret_of_the_environment_is_told_or_kept(folder, hyperparameters, code):
    opt_ml.configure(folder, hyperparameters)
    environment = [flag for name, value in SECRETS.items() for flag in ["--env", f"{name}={value}"]]
    done = opt_ml.run(folder, *environment, *READ_ONLY)
    assert done.returncode == code, done.stdout
    told = [done.stdout.encode()]
    for place, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(place, name), "rb") as file:
                told.append(file.read())
    for name, value in SECRETS.items():
        assert not any(value.encode() in text for text in told), name
