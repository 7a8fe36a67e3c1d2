"""What an extension of a FITS file holds, by its name: an image of science, or something beside."""

from __future__ import annotations

import re
from enum import IntEnum

__all__ = ["Content", "content_named"]


class Content(IntEnum):
    """What an extension holds; of two, the one of the lower number is rather the image."""

    SCIENCE = 0
    """Its name says that it is the image."""
    UNKNOWN = 1
    """Its name says nothing of the kind; it is taken for an image."""
    BESIDE = 2
    """A background, a model, a calibration and so on: an image only where there is no other."""
    AUXILIARY = 3
    """Flags, weights, errors, coverage: never an image, unless a user names it."""


_SCIENCE = re.compile(r"PRIMARY|SCI(ENCE)?|IMAGES?|IMG|DATA|FLUX|SIGNAL|INTENSITY|MOSAIC|STACK")
# Words that say it alone, also at the end of another word, as in PIXELDQ.
_CERTAIN = re.compile(
    r".*(DQ[FM]?|MASKS?|MSK|BPM|FLAGS?|QUALITY|(BAD|HOT|DEAD|WARM)PIX(ELS?)?"
    r"|WEIGHTS?|WHT|WGT|INVVAR|IVAR|VARIANCES?|COVARIANCE|ERR(ORS?)?|STDDEV|STDEV|NOISE"
    r"|UNCERT(S|AINTY|AINTIES)?|EXPTIME|COVERAGE|CONFIDENCE|MEMBERSHIP|HITS|SEGMENTATION|OCCUPANCY)"
    r"|(SCI|SKY|DATA|FLUX|INV|F)?VARS?|(N|T)HIT|(PIX|DATA|IM)?QUAL|(SKY|BKG|MAP|IM|N)?RMSE?"
)
# Words that say it alone or among words of no weight, but not in a name such as WT_LUP.
_LIKELY = re.compile(
    r"BAD|W(EIGH)?TS?|EXP(OSURES?)?|(SUB|N)EXP|COV|HIT|CTX|CON(TEXT)?|N?SAMP|TIME|N?OBS"
    r"|STAT|SIGMA|STD|UNC|CONF|APERTURE|PSF|LABELS?|SEGM?|SEGMENTS|NCOMB(INE)?|NIMAGES?|NIMG|NPIX"
    r"|THRESH(OLDS?)?|NUM"
)
# Also at the end of several words, as in CO_MODEL, and only by themselves: OPTICAL_DEPTH is none.
_CALIBRATION = (
    r"B(AC)?KG(RO?U?ND)?D?|BACKGROUNDS?|BG|(SKY)?MODELS?|RESID(UALS?)?|PB|(D|P)?BEAM|SNR"
    r"|SENS(ITIVITY)?|DARK|(STAR)?FLAT(FIELD)?|BIAS|WAVELENGTHS?|PREVIEW|THUMB(NAIL)?"
    r"|VIGN(ETTING)?|FRINGE|KERNEL|CHI(SQ|SQUARE)?"
)
_ENDS_BESIDE = re.compile(_CALIBRATION)
_BESIDE = re.compile(
    rf"{_CALIBRATION}|BACK|SKY|DEPTH|(PIX)?AREA|PIXAR|PAM|GAIN|CRS?|COSMICS?|SAT(URATED|URATION)?"
    r"|HOT|DEAD|WAVE|LAMBDA|WMAP|SIM(ULATION)?|OBJ|N(UM)?(FRAMES?|USED|STARS?)"
)
# Words of no weight; as are letters and numbers, of filters, chips and versions.
_PLAIN = re.compile(
    r"MAPS?|IMAGES?|IMG|IM|ARR(AY)?|PIX(ELS?)?|PLANES?|LAYER|CUBE|DATA|SCI(ENCE)?|FLUX|PRIMARY|EXT"
    r"|CCD|CHIP|AMP|DET(ECTOR)?|BAND|TOT(AL)?|POISSON|RNOISE|INV(ERSE)?|EFF(ECTIVE)?|[A-Z]"
)
# With a number these may be exposures that were saved one by one.
_COUNTED = re.compile(r"EXP(OSURES?)?|OBS|TIME|CON")
_SUFFIX = re.compile(r"(?<=[A-Z]{2})(MAP|IMAGE|IMG|ARRAY|PIX)S?$")


def content_named(name: str) -> Content:
    """What an extension of this name holds.

    Parameters
    ----------
    name : str
        Of any case; words stand apart by anything but letters, as in ``CCD1.DQ``.

    Returns
    -------
    Content
    """
    words = [word for word in re.split(r"[^A-Z]+", name.upper()) if word]
    if words == ["S", "N"]:
        return Content.BESIDE
    weighty = [word for word in words if not _PLAIN.fullmatch(word)]
    if not weighty:
        return Content.SCIENCE if any(map(_SCIENCE.fullmatch, words)) else Content.UNKNOWN
    certain = [word for word in weighty if _matches(_CERTAIN, word)]
    others = [word for word in weighty if not _matches(_CERTAIN, word)]
    if certain and (certain[-1] == words[-1] or all(_matches(_BESIDE, word) for word in others)):
        return Content.AUXILIARY
    if all(_matches(_CERTAIN, word) or _matches(_LIKELY, word) for word in weighty):
        numbered = any(map(str.isdigit, name)) or len(words[-1]) == 1
        counted = numbered and all(map(_COUNTED.fullmatch, weighty))
        # As in M33_SIGMA, which may be the dispersion of a galaxy.
        of_something = not certain and len(words[0]) == 1
        return Content.BESIDE if counted or of_something else Content.AUXILIARY
    by_end = certain or _matches(_ENDS_BESIDE, words[-1])
    if by_end or all(_matches(_BESIDE, word) for word in weighty):
        return Content.BESIDE
    return Content.SCIENCE if all(map(_SCIENCE.fullmatch, weighty)) else Content.UNKNOWN


def _matches(kind: re.Pattern[str], word: str) -> bool:
    """Whether a word is of a kind, by itself or without an ending such as MAP."""
    return any(map(kind.fullmatch, (word, _SUFFIX.sub("", word))))
