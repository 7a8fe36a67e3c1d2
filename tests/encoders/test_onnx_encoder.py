"""ONNX files from outside: the vectors are onnxruntime's own, and nothing else in a file counts."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equiclust import ImageSet
from equiclust.encoders import GroupAveraged, OnnxEncoder, encoder_from_record, encoder_record
from equiclust.encoders.onnx_file import external_files
from equiclust.exceptions import InputError, MissingPackageError
from tests.encoders.networks import photographs
from tests.encoders.onnx_files import write_onnx

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_onnx(tmp_path_factory.mktemp("onnx") / "network.onnx")


def test_vectors_are_those_of_onnxruntime_itself(network: Path) -> None:
    images = photographs(5, 20, 24)
    session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
    (maps,) = session.run(None, {"images": images})
    for pooling, expected in {"mean": maps.mean(axis=(2, 3)), "max": maps.max(axis=(2, 3))}.items():
        encoder = OnnxEncoder(network, pooling=pooling, batch_size=2)  # type: ignore[arg-type]
        found = encoder.transform(images)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
        assert encoder.latent_dim == 4


def test_quarter_turns_of_an_averaged_file_change_nothing(network: Path) -> None:
    images, encoder = photographs(2, 33, 40), GroupAveraged(OnnxEncoder(network))
    latents = encoder.transform(images)
    turned = encoder.transform(np.rot90(images, axes=(2, 3)))
    assert np.abs(turned - latents).max() <= 1e-6 * np.linalg.norm(latents, axis=1).min()


def test_axes_that_a_file_fixes_are_respected(network: Path, tmp_path: Path) -> None:
    images = photographs(5, 20)
    expected = OnnxEncoder(network).transform(images)
    threes = OnnxEncoder(write_onnx(tmp_path / "batch.onnx", [3, 1, 20, 20])).transform(images)
    np.testing.assert_allclose(threes, expected, rtol=1e-5)
    resized = OnnxEncoder(write_onnx(tmp_path / "size.onnx", ["n", 1, 20, 20]))
    assert resized.transform(photographs(2, 40, 30)).shape == (2, 4)
    free = OnnxEncoder(network, input_size=20).transform(photographs(2, 40, 30))
    np.testing.assert_allclose(resized.transform(photographs(2, 40, 30)), free, rtol=1e-5)
    coloured = OnnxEncoder(write_onnx(tmp_path / "colours.onnx", [None, 3, None, None]))
    np.testing.assert_allclose(
        coloured.transform(images), coloured.transform(images.repeat(3, axis=1)), rtol=1e-5
    )
    with pytest.raises(InputError, match=r"images must have 3 channels for .*, got 2"):
        coloured.transform(np.zeros((1, 2, 20, 20)))


def test_imagenet_normalization_is_that_of_its_mean_and_deviation(tmp_path: Path) -> None:
    path, images = write_onnx(tmp_path / "colours.onnx", ["n", 3, "h", "w"]), photographs(2, 20)
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    seen = (images - mean[:, None, None]) / std[:, None, None]
    found = OnnxEncoder(path, normalization="imagenet").transform(images)
    np.testing.assert_allclose(found, OnnxEncoder(path).transform(seen), rtol=1e-4, atol=1e-6)
    with pytest.raises(InputError, match=r"images must be in 0 to 1 .* got 0 to 200"):
        OnnxEncoder(path, normalization="imagenet").transform(200.0 * (images > 0.5))


def test_one_of_several_outputs_has_to_be_named(tmp_path: Path) -> None:
    path, images = write_onnx(tmp_path / "two.onnx", outputs=("map", "other")), photographs(2, 20)
    with pytest.raises(
        InputError, match=r"has the outputs 'map', 'other': one .* its layer, got None"
    ):
        OnnxEncoder(path).transform(images)
    chosen = OnnxEncoder(path, output="other").transform(images)
    assert (chosen >= 0.0).all()
    assert not np.allclose(chosen, OnnxEncoder(path, output="map").transform(images))


def test_weights_beside_the_file_are_read_and_others_refused(network: Path, tmp_path: Path) -> None:
    images, folder = photographs(2, 20), tmp_path / "model"
    folder.mkdir()
    outside = {"save_as_external_data": True, "location": "weights.bin", "size_threshold": 0}
    path = write_onnx(folder / "network.onnx", **outside)
    expected = OnnxEncoder(network).transform(images)
    np.testing.assert_array_equal(OnnxEncoder(path).transform(images), expected)
    assert OnnxEncoder(path).digest != OnnxEncoder(network).digest
    (folder / "weights.bin").rename(tmp_path / "weights.bin")
    with pytest.raises(InputError, match=r"wants weights from 'weights.bin' .* missing"):
        OnnxEncoder(path).transform(images)
    (folder / "weights.bin").symlink_to(tmp_path / "weights.bin")
    with pytest.raises(InputError, match="outside of its folder"):
        OnnxEncoder(path).transform(images)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"weights.bin", b"/etc/passwd"))
    with pytest.raises(InputError, match=r"wants weights from '/etc/passwd', outside"):
        OnnxEncoder(path).transform(images)
    path.write_bytes(content.replace(b"weights.bin", b"../ghts.bin"))
    with pytest.raises(InputError, match="outside of its folder"):
        OnnxEncoder(path).transform(images)


def test_channels_may_come_last_and_numbers_be_of_any_precision(tmp_path: Path) -> None:
    """The features are the pixels themselves, so that their order shows."""
    images = photographs(2, 4, 3)
    for dtype in (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16):
        for shape, expected in {
            ("n", 1, "h", "w"): images.reshape(2, -1),
            ("n", "h", "w", 1): images.reshape(2, -1),
            ("n", "h", "w", 3): images.repeat(3, axis=1).transpose(0, 2, 3, 1).reshape(2, -1),
        }.items():
            graph = onnx.helper.make_graph(
                [onnx.helper.make_node("Flatten", ["images"], ["flat"])],
                "network",
                [onnx.helper.make_tensor_value_info("images", dtype, shape)],
                [onnx.helper.make_tensor_value_info("flat", dtype, None)],
            )
            path = tmp_path / "flat.onnx"
            opset = onnx.helper.make_opsetid("", 17)
            onnx.save(onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8), path)
            tolerance = 1e-3 if dtype == onnx.TensorProto.FLOAT16 else 1e-7
            found = OnnxEncoder(path).transform(images)
            np.testing.assert_allclose(found, expected, rtol=tolerance)


def test_weights_beside_are_found_wherever_in_the_file_they_are_used(tmp_path: Path) -> None:
    make = onnx.helper
    weights = onnx.numpy_helper.from_array(np.ones(3, np.float32), "weights")
    weights.ClearField("raw_data")
    weights.data_location = onnx.TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="weights.bin")
    (tmp_path / "weights.bin").write_bytes(bytes(12))
    constant = make.make_node("Constant", [], ["weights"], value=weights)
    branch = make.make_graph([constant], "branch", [], [], [])
    nested = make.make_node("If", ["x"], ["y"], then_branch=branch, else_branch=branch)
    several = make.make_node("Own", ["x"], ["y"], domain="own", graphs=[branch])
    trained = make.make_model(make.make_graph([], "empty", [], []))
    trained.training_info.append(onnx.TrainingInfoProto(algorithm=branch))
    opset = [make.make_opsetid("", 17)]
    function = make.make_function("own", "Own", ["x"], ["y"], [constant], opset)
    for model in (
        make.make_model(make.make_graph([], "g", [], [], [weights])),
        make.make_model(make.make_graph([constant], "g", [], [])),
        make.make_model(make.make_graph([nested], "g", [], [])),
        make.make_model(make.make_graph([several], "g", [], [])),
        make.make_model(make.make_graph([], "g", [], []), functions=[function]),
        trained,
    ):
        path = tmp_path / "network.onnx"
        path.write_bytes(model.SerializeToString())
        assert external_files(path) == (tmp_path / "weights.bin",)
        digest = OnnxEncoder(path).digest
        (tmp_path / "weights.bin").write_bytes(bytes([1] * 12))
        assert OnnxEncoder(path).digest != digest
        (tmp_path / "weights.bin").write_bytes(bytes(12))


def test_another_path_or_output_is_another_network(tmp_path: Path) -> None:
    images = photographs(2, 20)
    encoder = OnnxEncoder(write_onnx(tmp_path / "two.onnx", outputs=("map", "other")), output="map")
    first = encoder.transform(images)
    assert not np.allclose(encoder.set_params(output="other").transform(images), first)
    np.testing.assert_array_equal(encoder.set_params(output="map").transform(images), first)
    other = write_onnx(tmp_path / "three.onnx", ["n", 3, "h", "w"])
    np.testing.assert_array_equal(
        encoder.set_params(path=other, output="map").transform(images),
        OnnxEncoder(other).transform(images),
    )


def test_what_cannot_be_a_network_of_images_is_refused_in_one_sentence(
    network: Path, tmp_path: Path
) -> None:
    def refused(message: str, path: Path, images: Any = None, **parameters: Any) -> None:
        shown = photographs(2, 20) if images is None else images
        with pytest.raises(InputError, match=message) as caught:
            OnnxEncoder(path, **parameters).transform(shown)
        assert "\n" not in str(caught.value)

    text, cut = tmp_path / "text.onnx", tmp_path / "cut.onnx"
    text.write_text("import os; os.system('touch ran')")
    cut.write_bytes(network.read_bytes()[:-40])
    refused(r"text.onnx' is no ONNX file", text)
    refused(r"cut.onnx' is no ONNX file", cut)
    refused(r"cannot read .*nowhere.onnx': No such file", tmp_path / "nowhere.onnx")
    refused(r"cannot read .*: Is a directory", tmp_path)
    foreign = write_onnx(tmp_path / "foreign.onnx", domain="company.secret", operator="Own")
    refused(r"cannot use .*foreign.onnx' as a network: .*company.secret", foreign)
    integers = write_onnx(tmp_path / "integers.onnx", dtype=6)
    refused(r"cannot use|must have one input of images", integers)
    refused(r"does not take images of shape \(1, 2, 2\)", network, photographs(1, 2))
    refused("images must have 1 channels", network, np.zeros((1, 2, 20, 20)))
    refused("input_size must be a whole number", network, input_size=0)
    refused("pooling must fit the features", network, pooling="token")
    refused("path must name an ONNX file, got 3", 3)  # type: ignore[arg-type]


@given(seed=st.integers(0, 2**32 - 1))
def test_damaged_files_are_refused_or_parsed_but_never_an_error_of_ours(
    network: Path, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    content = bytearray(network.read_bytes())
    for at in rng.integers(0, len(content), 3):
        content[at] = rng.integers(0, 256)
    damaged = network.with_name("damaged.onnx")
    damaged.write_bytes(content[: rng.integers(1, len(content) + 1)])
    with suppress(InputError):
        assert external_files(damaged) == ()


def test_it_comes_back_from_its_record(network: Path) -> None:
    record = encoder_record(OnnxEncoder(network, pooling="max"))
    images = ImageSet.from_array(photographs(2, 20))
    np.testing.assert_array_equal(
        encoder_from_record(record).transform(images),
        OnnxEncoder(network, pooling="max").transform(images),
    )
    with pytest.raises(InputError, match="weights of the OnnxEncoder are others"):
        encoder_from_record({**record, "digest": "sha256:0"})


def test_without_onnxruntime_the_sentence_says_what_to_install(
    network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'equiclust\[onnx\]'"):
        OnnxEncoder(network).transform(photographs(1, 20))
