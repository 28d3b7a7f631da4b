"""The image itself: how it starts, what is inside, how it ends."""
import json
import os
import subprocess
import time

import pytest

import digits
import opt_ml
from local_mode import IMAGE, docker
from test_isolation import READ_ONLY

BASE = "debian:bookworm-slim"
CUDA = os.environ.get("BRAZIER_CUDA_IMAGE", "brazier-test:cuda")


def has(image):
    return subprocess.run(["docker", "image", "inspect", image], capture_output=True).returncode == 0


def inspect(image):
    return json.loads(docker("image", "inspect", image))[0]


def script(name, *arguments, **environment):
    return subprocess.run([os.path.join(digits.ROOT, "scripts", name), *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, env=os.environ | environment)


@pytest.mark.parametrize("image, limit", [(IMAGE, 100e6), (CUDA, 1500e6)])
def test_what_the_platform_asks_of_an_image(image, limit):
    if not has(image):
        pytest.skip(f"there is no image {image}: scripts/build-image cuda makes it")
    about = inspect(image)
    config = about["Config"]
    assert config["Entrypoint"] == ["/usr/local/bin/brazier"] and config["Cmd"] == ["train"]
    # As root: the platform's folders are closed to others.
    assert config["User"] == ""
    for name in ["accept-bind-to-port", "multi-models"]:
        assert config["Labels"][f"com.amazonaws.sagemaker.capabilities.{name}"] == "true"
    assert about["Size"] - inspect(BASE)["Size"] < limit


def test_the_gpu_image_holds_what_is_opened_when_it_runs(folder):
    if not has(CUDA):
        pytest.skip(f"there is no image {CUDA}: scripts/build-image cuda makes it")
    listed = docker("run", "--rm", "--network", "none", "--entrypoint", "find", CUDA, "/opt/cuda", "-maxdepth", "3")
    for name in ["lib/libnvrtc.so", "lib/libnccl.so", "include/cuda_fp16.h", "include/cuda_runtime.h"]:
        assert f"/opt/cuda/{name}\n" in listed, name
    opened = docker("run", "--rm", "--network", "none", "--entrypoint", "ldd", CUDA, "/opt/cuda/lib/libnvrtc.so",
                    "/opt/cuda/lib/libnccl.so")
    assert "not found" not in opened, opened
    # Without a GPU it computes on the CPU.
    opt_ml.configure(folder, {})
    done = subprocess.run(["docker", "run", "--rm", "--volume", f"{folder}:/opt/ml", *READ_ONLY, CUDA], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout


def test_arguments():
    run = ["docker", "run", "--rm", "--network", "none", IMAGE]
    assert docker(*run[1:], "--version").startswith("brazier ")
    assert subprocess.run([*run, "bogus"], capture_output=True).returncode == 64
    assert subprocess.run(["docker", "run", "--rm", "--entrypoint", "/usr/local/bin/brazier", IMAGE],
                          capture_output=True).returncode == 64
    # Without an argument it trains, and says that there is nothing to train on.
    done = subprocess.run(run, capture_output=True, text=True)
    assert done.returncode == 2 and "/opt/ml holds no 'input' folder" in done.stderr


def test_sigterm_reaches_the_program_and_leaves_a_model(folder):
    opt_ml.configure(folder, {"epochs": "100000"})
    started = docker("run", "--detach", "--volume", f"{folder}:/opt/ml", *READ_ONLY, IMAGE).strip()
    try:
        while "Saved checkpoint" not in docker("logs", started):
            assert docker("inspect", "--format", "{{.State.Running}}", started).strip() == "true", docker("logs", started)
            time.sleep(0.2)
        clock = time.monotonic()
        docker("stop", "--time", "120", started)
        assert time.monotonic() - clock < 20
        assert docker("inspect", "--format", "{{.State.ExitCode}}", started).strip() == "0", docker("logs", started)
        assert len(opt_ml.weights(folder)) > 100_000
    finally:
        docker("rm", "--force", started)


def test_all_that_is_inside_is_listed_and_nothing_is_out_of_date(folder):
    out = os.path.join(folder, "image.json")
    done = script("sbom", IMAGE, "--out", out)
    assert done.returncode == 0, done.stdout
    with open(out, encoding="utf-8") as file:
        components = {entry["purl"].split("@")[0] for entry in json.load(file)["components"]}
    assert {"pkg:cargo/burn", "pkg:cargo/brazier-cli", "pkg:deb/debian/libc6"} <= components
    assert not any("proptest" in name or "tempfile" == name for name in components)
    packages = [docker("run", "--rm", "--network", "none", "--entrypoint", "dpkg-query", image, "--show") for image in [IMAGE, BASE]]
    assert packages[0] == packages[1], "the image adds packages to Debian's"
    done = script("scan-image", IMAGE)
    if done.returncode == 77:
        pytest.skip(done.stdout.strip())
    assert done.returncode == 0, done.stdout


def test_a_push_is_shown_and_done_only_when_asked(folder):
    for name in ["aws", "docker"]:
        path = os.path.join(folder, name)
        # `aws` answers with an account; both note how they were called.
        opt_ml.write(path, f'#!/bin/sh\necho "{name} $*" >> {folder}/calls\n[ {name} = aws ] || cat >/dev/null\necho 123456789012\n')
        os.chmod(path, 0o755)
    path = f"{folder}:{os.environ['PATH']}"
    shown = script("push-to-ecr", "brazier:1", "--region", "us-west-2", PATH=path)
    assert shown.returncode == 0 and not os.path.exists(f"{folder}/calls"), shown.stdout
    assert "docker push ACCOUNT.dkr.ecr.us-west-2.amazonaws.com/brazier:1" in shown.stdout
    done = script("push-to-ecr", "brazier:1", "--region", "us-west-2", "--push", PATH=path)
    assert done.returncode == 0, done.stdout
    with open(f"{folder}/calls", encoding="utf-8") as file:
        calls = file.read()
    assert "docker push 123456789012.dkr.ecr.us-west-2.amazonaws.com/brazier:1\n" in calls
    assert script("push-to-ecr", "brazier", AWS_REGION="", AWS_DEFAULT_REGION="").returncode == 64


def test_docker_compiles_the_program_where_none_is_given(folder):
    """The official image of Rust is not in reach of every test: one whose cargo only notes what it is asked stands in."""
    opt_ml.write(f"{folder}/cargo", '#!/bin/sh\nset -e\n[ -f Cargo.lock ] && [ ! -e .git ] && [ ! -e .venv ]\nmkdir -p target/dist\n'
                 'printf \'#!/bin/sh\\necho "%s"\\n\' "$*" > target/dist/brazier\nchmod +x target/dist/brazier\n')
    os.chmod(f"{folder}/cargo", 0o755)
    opt_ml.write(f"{folder}/Dockerfile", f"FROM {BASE}\nCOPY cargo /usr/local/bin/cargo\n")
    docker("build", "--tag", "brazier-test-rust", folder)
    client = "docker" if subprocess.run(["docker", "buildx", "version"], capture_output=True).returncode == 0 else "/usr/bin/docker"
    try:
        done = subprocess.run([client, "build", "--file", "docker/cpu.Dockerfile", "--build-arg", "RUST=brazier-test-rust", "--tag",
                               "brazier-test-built", "."], cwd=digits.ROOT, env=os.environ | {"DOCKER_BUILDKIT": "1"},
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0, done.stdout
        told = docker("run", "--rm", "brazier-test-built")
        assert told == "build --locked --profile dist\n", told
    finally:
        docker("rmi", "--force", "brazier-test-built", "brazier-test-rust", check=False)
