"""The SageMaker SDK's local mode, set up so that it needs no account, no credentials and no network."""
import contextlib
import io
import os
import socket
import subprocess
import tempfile

# Must be set before `sagemaker` is imported. Without a region LocalSession refuses to start; without the second line
# the search for credentials asks an address that is not there; the third file switches off a request to AWS at each call.
os.environ["AWS_DEFAULT_REGION"] = "us-west-2"
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
os.environ["SAGEMAKER_SUPPRESS_V2_WARNING"] = "1"
_settings = tempfile.NamedTemporaryFile("w", suffix=".yaml")
_settings.write("SchemaVersion: '1.0'\nSageMaker: {PythonSDK: {Modules: {TelemetryOptOut: true}}}\n")
_settings.flush()
os.environ["SAGEMAKER_USER_CONFIG_OVERRIDE"] = _settings.name

from sagemaker.estimator import Estimator  # noqa: E402
from sagemaker.inputs import TrainingInput  # noqa: E402
from sagemaker.local import LocalSession  # noqa: E402

# Any name with a slash: one without makes the SDK ask IAM.
ROLE = "arn:aws:iam::123456789012:role/brazier"
IMAGE = os.environ.get("BRAZIER_IMAGE", "brazier")

# The book's network. Its own batches of 100 and rate of 0.01 need its 4000 digits; the tests have fewer.
BOOK = {"num_layers": 18, "image_shape": "1,28,28", "num_classes": 10, "mini_batch_size": 16, "learning_rate": 0.05,
        "top_k": 5, "precision_dtype": "float32"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def session(folder, **container):
    """A session whose working folders are below `folder`; `container` goes into the services of the Compose file."""
    root = os.path.join(folder, "containers")
    os.makedirs(root, exist_ok=True)
    made = LocalSession()
    made.config = {"local": {"local_code": True, "serving_port": free_port(), "container_root": root,
                             "container_config": container}}
    return made


def estimator(folder, hosts=1, container=None, **others):
    """An Estimator of our image whose artifacts go to `folder`."""
    others.setdefault("hyperparameters", {})
    return Estimator(image_uri=IMAGE, role=ROLE, instance_count=hosts, instance_type="local",
                     sagemaker_session=session(folder, **(container or {})), output_path=f"file://{folder}", **others)


def images(folder):
    return TrainingInput(f"file://{folder}", content_type="application/x-image", distribution="FullyReplicated")


def records(folder):
    return TrainingInput(f"file://{folder}", content_type="application/x-recordio")


def fit(job, channels):
    """Trains, and gives what the containers said."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        try:
            job.fit(channels)
        finally:
            job.said = said.getvalue()
    return job.said


def docker(*arguments, check=True):
    """Runs the docker command; what it said."""
    done = subprocess.run(["docker", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if check and done.returncode:
        raise AssertionError(f"docker {' '.join(arguments)} ended with {done.returncode}: {done.stdout}")
    return done.stdout
