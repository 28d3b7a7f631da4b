"""Version 3 of the SageMaker SDK: ModelTrainer in local containers, which gives our image no argument."""
import os
import sys
import tarfile

import pytest

os.environ["AWS_DEFAULT_REGION"] = "us-west-2"
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
os.environ.pop("AWS_ACCESS_KEY_ID", None)

from sagemaker.core.training.configs import Compute, InputData  # noqa: E402
from sagemaker.train.model_trainer import Mode, ModelTrainer  # noqa: E402

IMAGE = os.environ.get("BRAZIER_IMAGE", "brazier")
MNIST = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", "..", "datasets", "mnist"))


@pytest.mark.parametrize("hosts", [1, 2])
def test_a_model_trainer_trains(hosts, tmp_path, capfd):
    trainer = ModelTrainer(
        training_image=IMAGE, training_mode=Mode.LOCAL_CONTAINER, role="arn:aws:iam::123456789012:role/brazier",
        compute=Compute(instance_type="local_cpu", instance_count=hosts), local_container_root=str(tmp_path),
        # Values that are no text arrive as JSON: 18, true, 0.05.
        hyperparameters={"num_layers": 20, "image_shape": "1,28,28", "num_classes": 10, "num_training_samples": 64,
                         "mini_batch_size": 16, "epochs": 1, "learning_rate": 0.05, "early_stopping": True},
        input_data_config=[InputData(channel_name=name, data_source=os.path.join(MNIST, name),
                                     content_type="application/x-recordio") for name in ["train", "validation"]])
    trainer.train()
    with tarfile.open(tmp_path / "compressed_artifacts" / "model.tar.gz") as archive:
        names = archive.getnames()
    assert any(name.endswith(".params") for name in names) and any(name.endswith("brazier.json") for name in names), names
    said = capfd.readouterr()
    sys.stdout.write(said.out[-2000:])


def test_a_bad_hyperparameter_fails_the_call(tmp_path):
    trainer = ModelTrainer(
        training_image=IMAGE, training_mode=Mode.LOCAL_CONTAINER, role="arn:aws:iam::123456789012:role/brazier",
        compute=Compute(instance_type="local_cpu", instance_count=1), local_container_root=str(tmp_path),
        hyperparameters={"num_layers": 19, "num_classes": 10, "num_training_samples": 64},
        input_data_config=[InputData(channel_name="train", data_source=os.path.join(MNIST, "train"))])
    with pytest.raises(RuntimeError):
        trainer.train()
