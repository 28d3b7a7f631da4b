"""The whole way with the SageMaker SDK on one machine: train on two hosts, deploy, ask, take the endpoint away.

    python tests/sdk/first_job.py [IMAGE]

On SageMaker itself image_uri is the image's name in ECR, instance_type a machine's, the channels are s3:// prefixes,
and there is no `sagemaker_session`.
"""
import json
import os
import sys
import tempfile

import local_mode
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.serializers import IdentitySerializer

image = sys.argv[1] if len(sys.argv) > 1 else "brazier"
data = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "datasets", "mnist")
data = os.path.abspath(data)
folder = tempfile.mkdtemp(prefix="brazier-")

estimator = Estimator(
    image_uri=image, role=local_mode.ROLE, instance_count=2, instance_type="local", output_path=f"file://{folder}",
    sagemaker_session=local_mode.session(folder), enable_network_isolation=True,
    metric_definitions=[{"Name": "validation:accuracy", "Regex": "Validation-accuracy=([0-9\\.]+)"}])
estimator.set_hyperparameters(num_layers=18, image_shape="1,28,28", num_classes=10, num_training_samples=1500,
                              mini_batch_size=16, epochs=3, learning_rate=0.05, top_k=5, precision_dtype="float32")
estimator.fit({name: TrainingInput(f"file://{data}/{name}", content_type="application/x-recordio")
               for name in ["train", "validation"]})

predictor = estimator.deploy(1, "local", serializer=IdentitySerializer("application/x-image"), wait=False)
try:
    right = 0
    for name in sorted(os.listdir(f"{data}/test")):
        with open(f"{data}/test/{name}", "rb") as file:
            probabilities = json.loads(predictor.predict(file.read()))
        digit = probabilities.index(max(probabilities))
        right += digit == int(name[0])
        print(f"{name}: a {digit}, {max(probabilities):.0%} sure")
    print(f"{right} of {len(os.listdir(f'{data}/test'))} digits recognised; the model is in {folder}/model.tar.gz")
finally:
    predictor.delete_endpoint()
