"""What identifies a run."""

from __future__ import annotations

import shlex

import pytest

from ensembles.recipes import Recipe
from equiclust.cli.commands import COMMANDS
from equiclust.cli.parser import parse_arguments
from equiclust.exceptions import InputError
from equiclust.pipeline.settings import RunSettings


@pytest.mark.parametrize(("pretrained", "start"), [(True, "shipped"), (False, "none")])
def test_a_run_of_version_0_1_is_the_same_run(pretrained: bool, start: str) -> None:
    config = RunSettings("images", "sorted", Recipe().with_(pretrained=pretrained)).config
    assert config["start"] == start
    assert "pretrained" not in config


@pytest.mark.parametrize("pretrained", [True, False])
def test_the_command_of_a_run_repeats_its_initial_weights(pretrained: bool) -> None:
    settings = RunSettings("images", "sorted", Recipe().with_(pretrained=pretrained))
    parsed = parse_arguments(COMMANDS, shlex.split(settings.command)[1:])
    assert parsed.arguments["pretrained"] is pretrained


def test_the_axes_of_arrays_identify_a_run_that_was_given_them() -> None:
    assert "axes" not in RunSettings("x.npy", "sorted", Recipe()).config
    settings = RunSettings("x.npy", "sorted", Recipe(), axes="NHWC")
    assert settings.config["axes"] == "nhwc"
    parsed = parse_arguments(COMMANDS, shlex.split(settings.command)[1:])
    assert parsed.arguments["axes"] == "NHWC"
    with pytest.raises(InputError, match="axes must hold h and w"):
        RunSettings("x.npy", "sorted", Recipe(), axes="nhc").check()
