"""escnn itself, imported without the parts that images do not need."""

from __future__ import annotations

import sys
import warnings
from functools import cache
from importlib import import_module
from types import ModuleType

__all__ = ["import_escnn"]

_UNUSED = "lie_learn.representations.SO3.wigner_d"


@cache
def import_escnn() -> ModuleType:
    """Import escnn with `gspaces` and `nn`.

    Three of its dependencies stand in the way and none serves images in the plane: `py3nj`, which
    it only tries, needs a Fortran compiler; `lie_learn`, for rotations in space, needs numpy 1, so
    an empty module stands in for it where it does not import; and scikit-learn's randomised SVD
    refuses the `np.matrix` it is given, so escnn's own exact way is chosen.

    Returns
    -------
    module
        `escnn`.

    Raises
    ------
    ImportError
        When escnn is not installed, with the command that installs it.
    """
    _stand_in_for_lie_learn()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            escnn = import_module("escnn")
        except ModuleNotFoundError as error:
            raise ImportError(
                f"{error.name} is not installed; the conversion to and from escnn needs "
                "`pip install --no-deps 'escnn>=1.0.11'`"
            ) from error
        import_module("escnn.gspaces")
        import_module("escnn.nn")
        # Set before the first layer is built, for escnn remembers what it has computed.
        import_module("escnn.group._numerical").randomized_svd = None  # type: ignore[attr-defined]
    return escnn


def _stand_in_for_lie_learn() -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import_module(_UNUSED)
    except (ImportError, AttributeError, ValueError):
        parts = _UNUSED.split(".")
        for depth in range(1, len(parts) + 1):
            name = ".".join(parts[:depth])
            sys.modules[name] = ModuleType(name)
        sys.modules[_UNUSED].wigner_D_matrix = None  # type: ignore[attr-defined]
