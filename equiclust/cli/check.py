"""`equiclust check`: the certificate of a finished run."""

from __future__ import annotations

from collections.abc import Sequence

from equiclust.cli.session import Outcome, Session
from equiclust.exceptions import InputError
from equiclust.io.atomic import read_json, write_json
from equiclust.io.output_checks import check_writable
from equiclust.io.run_folder import RunFolder
from equiclust.pipeline.inputs import LoadedImages, load_images
from equiclust.pipeline.model import Model
from equiclust.pipeline.model_certificate import certify_model

__all__ = ["check_run"]

_FAILED = 1


def check_run(session: Session, run: str, inputs: Sequence[str]) -> Outcome:
    """Certify the model of a run, on its own images unless others are given."""
    folder = RunFolder.open(run)
    check_writable(folder.invariance_json)
    config = folder.read_config()
    model = Model.load(folder.model)
    loaded = _loaded(session, folder, model, inputs)
    certified = certify_model(
        model, loaded.originals, loaded.images, session=session, seed=int(config["seed"])
    )
    write_json(folder.invariance_json, certified.certificate.to_dict())
    if folder.metrics_json.is_file():
        metrics = read_json(folder.metrics_json)
        write_json(folder.metrics_json, {**metrics, "check": certified.record})
    files = certified.conditions["files_d4_error"]
    text = [
        certified.certificate.to_text(),
        "",
        f"quarter turns of {certified.conditions['files']} images as read, before processing, move "
        f"latents by at most {files:.1e} of their norm",
        f"the plain network was trained for {certified.conditions['baseline_epochs']} epochs",
    ]
    record = {**certified.certificate.to_dict(), "conditions": certified.conditions}
    return Outcome(record, "\n".join(text), 0 if certified.certificate.passed else _FAILED)


def _loaded(
    session: Session, folder: RunFolder, model: Model, inputs: Sequence[str]
) -> LoadedImages:
    preprocessing = model.preprocessor.get_params()
    if inputs:
        return load_images(inputs, preprocessing, session)
    own = folder.read_config()["inputs"]
    try:
        return load_images(own, preprocessing, session)
    except InputError as error:
        raise InputError(
            f"the images of the run are no longer where they were ({error}); name images after "
            f"{str(folder.path)!r}"
        ) from error
