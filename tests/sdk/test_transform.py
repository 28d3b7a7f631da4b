"""Batch transform of images, as the notebooks ask for it."""
import json
import os
import shutil

import digits
from sagemaker.model import Model
from local_mode import ROLE, session


def test_each_image_gets_a_file_of_its_own(book, folder):
    given, answers = os.path.join(folder, "given"), os.path.join(folder, "answers")
    os.makedirs(given)
    os.makedirs(answers)
    for _, path in digits.tests():
        shutil.copy(path, given)
    model = Model(image_uri=book.image_uri, model_data=book.model_data, role=ROLE, sagemaker_session=session(folder))
    transformer = model.transformer(1, "local", output_path=f"file://{answers}", strategy="SingleRecord", assemble_with="Line",
                                    accept="application/jsonlines")
    # logs=True would ask CloudWatch.
    transformer.transform(f"file://{given}", content_type="application/x-image", split_type=None, logs=False)
    right = 0
    for digit, path in digits.tests():
        with open(os.path.join(answers, os.path.basename(path) + ".out"), encoding="utf-8") as file:
            lines = file.read().splitlines()
        assert len(lines) == 1, lines
        probabilities = json.loads(lines[0])["prediction"]
        right += probabilities.index(max(probabilities)) == digit
    assert right >= len(digits.tests()) - 2, right
