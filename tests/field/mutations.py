"""Mutations of valid files: of their bytes, and of what their headers claim."""

from __future__ import annotations

import gzip
import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from random import Random
from typing import Any

__all__ = ["KINDS", "mutate"]

Mutation = Callable[[bytes, Random], bytes]

_CARD = 80
_VALUES = (
    "1000000000", "-1", "0", "7", "NaN", "1E400", "T", "'x'", "2147483648", "-9223372036854775808",
    "1E-320", "''", "1", "32", "-64", "'RA---TAN'", "'DEC--NCP'", "'VELO-LSR'", "'STOKES'",
)  # fmt: skip
_KEYS = (
    "NAXIS", "NAXIS1", "NAXIS2", "NAXIS3", "BITPIX", "PCOUNT", "GCOUNT", "CRVAL1", "CRPIX2",
    "CDELT1", "CDELT3", "CTYPE1", "CTYPE2", "CTYPE3", "CUNIT1", "BZERO", "BSCALE", "BLANK", "BUNIT",
    "BMAJ", "BMIN", "RESTFRQ", "EQUINOX", "RADESYS", "ZNAXIS1", "ZTILE1", "ZCMPTYPE", "ZBITPIX",
    "TFIELDS", "TFORM1", "XTENSION", "EXTNAME", "PV1_1", "A_ORDER", "CD1_1", "PC1_1", "WCSAXES",
    "LONPOLE", "VELREF", "DATE-OBS", "MJD-OBS", "END", "SIMPLE", "EXTEND", "THEAP", "BITPIX",
)  # fmt: skip
_TOKENS = (
    "nan", "inf", "-1", "0", "1e400", "1000000000", "1" * 400, "", "(", ")", "\x00", "µ", "[]",
    "{}", "null", '"', "'", "circle", "polygon", "-", "galactic", "image",
    "!!python/object:os.system",
)  # fmt: skip
_JSON = (
    None, True, -1, 0, 1.5, 10**30, -(2**63), float("nan"), float("inf"), 1e308, "", "x", "../x",
    "nan", [], {}, [0], [[1]], {"a": 1}, 2**31, 65536, "D400", "1000000000",
)  # fmt: skip
_NUMBERS = (0, 1, 2, 7, 255, 256, 32767, 65535, 2**31 - 1, 2**31, 2**32 - 1, 10**9)
_DTYPES = ("|O", "<f8", "<c16", "<U400", "|V8", "<m8[s]", ">i2", "|b1", "<f2", "[('a','<f8')]", "x")


def mutate(data: bytes, other: bytes, kind: str, random: Random) -> bytes:
    """A mutant of a file.

    Parameters
    ----------
    data, other : bytes
        The file, and another one to splice it with.
    kind : str
        What the file is, one of `KINDS`.
    random : Random
        Decides what is changed.

    Returns
    -------
    bytes
        Nearly always another content; the same `random` gives the same.
    """
    if random.random() < 0.1:
        data = _spliced(data, other, random)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        claims = KINDS[kind]
        chosen = claims if claims is not None and random.random() < 0.6 else _any_bytes
        data = chosen(data, random)
    return data


def _spliced(data: bytes, other: bytes, random: Random) -> bytes:
    return data[: random.randrange(len(data) + 1)] + other[random.randrange(len(other) + 1) :]


def _any_bytes(data: bytes, random: Random) -> bytes:
    if not data:
        return b"\x00"
    body = bytearray(data)
    # Headers are short and come first: half of all mutations hit them.
    end = len(body) if random.random() < 0.5 else min(len(body), 512)
    at = random.randrange(end)
    what = random.randrange(6)
    if what == 0:
        body[at] ^= 1 << random.randrange(8)
    elif what == 1:
        for _ in range(random.randrange(1, 20)):
            body[random.randrange(end)] = random.randrange(256)
    elif what == 2:
        del body[at:]
    elif what == 3:
        del body[at : at + random.randrange(1, 200)]
    elif what == 4:
        body[at:at] = body[at : at + random.randrange(1, 200)]
    else:
        form = random.choice(("<I", ">I", "<H", ">H", "<Q", ">d"))
        number = random.choice(_NUMBERS) % (1 << 8 * struct.calcsize(form))
        body[at : at + struct.calcsize(form)] = struct.pack(form, number)
    return bytes(body)


def _card_of(data: bytes, random: Random) -> bytes:
    """A header card with a hostile value, in place or in addition."""
    text = data[: data.rfind(b"END     ") + _CARD] if b"END     " in data else data
    starts = [
        at
        for at in range(0, len(text) - _CARD + 1, _CARD)
        if text[at + 8 : at + 10] == b"= " and text[at : at + 1].isalpha()
    ]
    if not starts:
        return _any_bytes(data, random)
    at = random.choice(starts)
    key = data[at : at + 8].decode("ascii", "replace")
    if random.random() < 0.4:
        key = random.choice(_KEYS)
    value = random.choice(_VALUES)
    card = f"{key:<8}= {value:>20}".encode("latin-1", "replace")[:_CARD].ljust(_CARD)
    return data[:at] + card + data[at + _CARD :]


def _gzip_of(data: bytes, random: Random) -> bytes:
    """A packed FITS file whose content, or whose trailer, lies."""
    try:
        content = gzip.decompress(data)
    except (EOFError, OSError, zlib.error):
        return _any_bytes(data, random)
    what = random.randrange(4)
    if what == 0:
        return data[:-4] + struct.pack("<I", random.choice(_NUMBERS))
    if what == 1:
        return data + data
    if what == 2:
        content += bytes(random.choice((1, 2880, 1 << 20)))
    else:
        content = _card_of(content, random)
    return gzip.compress(content, 1)


def _npy_of(data: bytes, random: Random) -> bytes:
    """An array whose header claims another shape or type."""
    end = data.find(b"\n")
    if end < 0 or not data.startswith(b"\x93NUMPY"):
        return _any_bytes(data, random)
    text = data[10:end].decode("latin-1")
    if random.random() < 0.5:
        sizes = ", ".join(str(random.choice(_NUMBERS)) for _ in range(random.randrange(6)))
        text = re.sub(r"\([^)]*\)", f"({sizes},)" if sizes else "()", text)
    else:
        text = re.sub(r"'descr': '[^']*'", f"'descr': {random.choice(_DTYPES)!r}", text)
    header = text.encode("latin-1") + b"\n"
    return data[:8] + struct.pack("<H", len(header) & 0xFFFF) + header + data[end + 1 :]


def _npz_of(data: bytes, random: Random) -> bytes:
    """An archive with a mutated array, another name, or a lying directory."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
    except (zipfile.BadZipFile, ValueError, OSError, zlib.error, EOFError, NotImplementedError):
        return _any_bytes(data, random)
    except RuntimeError:  # It claims to be encrypted.
        return _any_bytes(data, random)
    if not parts:
        return data + b"\x00"
    name = random.choice(list(parts))
    if random.random() < 0.5:
        parts[name] = _npy_of(parts[name], random)
    elif random.random() < 0.5:
        parts[random.choice(("../x.npy", "x", "", "/etc/x.npy", "a" * 300 + ".npy"))] = parts.pop(
            name
        )
    else:
        parts[name] = bytes(1 << 20)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", random.choice((0, 8))) as archive:
        for key, content in parts.items():
            archive.writestr(zipfile.ZipInfo(key or "."), content)
    return packed.getvalue()


def _tiff_of(data: bytes, random: Random) -> bytes:
    """A page with a hostile entry: another tag, type, count or value."""
    order = "<" if data[:2] == b"II" else ">"
    if len(data) < 16:
        return _any_bytes(data, random)
    (at,) = struct.unpack_from(order + "I", data, 4)
    if at + 2 > len(data):
        return _any_bytes(data, random)
    (count,) = struct.unpack_from(order + "H", data, at)
    if not 0 < count < 200 or at + 2 + 12 * count + 4 > len(data):
        return _any_bytes(data, random)
    body, entry = bytearray(data), at + 2 + 12 * random.randrange(count)
    what = random.randrange(5)
    if what == 0:
        struct.pack_into(order + "H", body, entry, random.choice((256, 257, 258, 259, 262, 277)))
    elif what == 1:
        struct.pack_into(order + "H", body, entry + 2, random.randrange(20))
    elif what == 2:
        struct.pack_into(order + "I", body, entry + 4, random.choice(_NUMBERS))
    elif what == 3:
        struct.pack_into(order + "I", body, entry + 8, random.choice(_NUMBERS))
    else:
        # A page that follows itself, or lies beyond the end.
        struct.pack_into(order + "I", body, at + 2 + 12 * count, random.choice((at, *_NUMBERS)))
    return bytes(body)


def _png_of(data: bytes, random: Random) -> bytes:
    """A chunk that lies about its content, with the right checksum."""
    chunks, at = [], 8
    while at + 12 <= len(data):
        (size,) = struct.unpack_from(">I", data, at)
        chunks.append((at, size))
        at += 12 + size
    whole = [(a, s) for a, s in chunks if a + 12 + s <= len(data) and s]
    if not whole:
        return _any_bytes(data, random)
    at, size = whole[0] if random.random() < 0.6 else random.choice(whole)
    content = bytearray(data[at + 8 : at + 8 + size])
    if size == 13 and random.random() < 0.8:
        if random.random() < 0.6:
            number = random.choice(_NUMBERS)
            struct.pack_into(">I", content, random.choice((0, 4)), number)
        else:
            content[random.randrange(8, 13)] = random.randrange(20)
    else:
        content[random.randrange(size)] = random.randrange(256)
    kind = data[at + 4 : at + 8]
    check = struct.pack(">I", zlib.crc32(kind + content))
    return data[: at + 8] + bytes(content) + check + data[at + 12 + size :]


def _jpeg_of(data: bytes, random: Random) -> bytes:
    """Another size, number of components, or Exif entry."""
    marks = [i for i in range(len(data) - 10) if data[i] == 0xFF and 0xC0 <= data[i + 1] <= 0xEE]
    if not marks:
        return _any_bytes(data, random)
    body, at = bytearray(data), random.choice(marks)
    frame = [i for i in marks if data[i + 1] in (0xC0, 0xC2)]
    if frame and random.random() < 0.6:
        place = frame[0] + random.choice((5, 7))
        struct.pack_into(">H", body, place, random.choice(_NUMBERS) & 0xFFFF)
    else:
        body[at + random.randrange(2, 10)] = random.randrange(256)
    return bytes(body)


def _text_of(data: bytes, random: Random) -> bytes:
    """Text in which a word is another one, or a line is gone or twice."""
    text = data.decode("utf-8", "surrogateescape")
    words = list(re.finditer(r"[\w.+-]+", text))
    if not words:
        return _any_bytes(data, random)
    word = random.choice(words)
    if random.random() < 0.7:
        token = random.choice(_TOKENS)
        text = text[: word.start()] + token + text[word.end() :]
    else:
        lines = text.splitlines(keepends=True)
        at = random.randrange(len(lines))
        lines[at : at + 1] = random.choice(([], [lines[at]] * 3))
        text = "".join(lines)
    return text.encode("utf-8", "surrogateescape")


def _json_of(data: bytes, random: Random) -> bytes:
    """JSON with a value of another kind, a missing or an additional name, or very deep."""
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        return _any_bytes(data, random)
    if random.random() < 0.02:
        return b'{"format":' + b"[" * 100_000 + b"1" + b"]" * 100_000 + b"}"
    places = list(_places(content))
    if not places:
        return b"[1]"
    holder, key = random.choice(places)
    if random.random() < 0.15:
        del holder[key]
    elif isinstance(holder, dict) and random.random() < 0.1:
        holder[random.choice(("x", "", "__class__", "random_state"))] = random.choice(_JSON)
    else:
        holder[key] = random.choice(_JSON)
    return json.dumps(content).encode()


def _places(content: Any) -> Any:
    if isinstance(content, dict):
        pairs = list(content.items())
    elif isinstance(content, list):
        pairs = list(enumerate(content))[:50]
    else:
        return
    for key, value in pairs:
        yield content, key
        yield from _places(value)


def _safetensors_of(data: bytes, random: Random) -> bytes:
    """Arrays whose header claims another shape, type or place, or whose numbers are not finite."""
    if len(data) < 8:
        return _any_bytes(data, random)
    (size,) = struct.unpack_from("<Q", data)
    if not 0 < size <= len(data) - 8:
        return _any_bytes(data, random)
    header, body = data[8 : 8 + size], bytearray(data[8 + size :])
    if random.random() < 0.5:
        header = _json_of(header, random)
        return struct.pack("<Q", len(header)) + header + bytes(body)
    if len(body) >= 8:
        number = random.choice((float("nan"), float("inf"), -1e308, 1e-320, 0.0))
        struct.pack_into(random.choice(("<d", "<f")), body, random.randrange(0, len(body) - 7, 4),
                         max(min(number, 3e38), -3e38) if number == number else number)  # fmt: skip
    return data[: 8 + size] + bytes(body)


KINDS: dict[str, Mutation | None] = {
    "fits": _card_of,
    "gzip": _gzip_of,
    "npy": _npy_of,
    "npz": _npz_of,
    "tiff": _tiff_of,
    "png": _png_of,
    "jpeg": _jpeg_of,
    "text": _text_of,
    "json": _json_of,
    "safetensors": _safetensors_of,
    "bytes": None,
}
"""How the header of each kind of file is changed; None for those that have none."""
