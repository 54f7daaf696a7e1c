"""Ids that tell nothing: numbers scrambled by a keyed bijection and written in hexadecimal.

Different numbers get different ids (so ids are unique by construction), and without the key neither the order of the
numbers nor who is a robot can be read off them.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_ODD = 0x9E37_79B9_7F4A_7C15
_HEX = np.frombuffer(b"".join(b"%02x" % byte for byte in range(256)), np.uint8).reshape(256, 2)


def scramble(numbers: npt.NDArray[np.int64], key: int, bits: int) -> npt.NDArray[np.uint64]:
    """Permute the numbers of ``bits`` bits: additions, odd multiplications and right shifts, each of them invertible.

    Args:
        numbers: Whole numbers in [0, 2 ** bits).
        key: Which permutation.
        bits: Width, up to 64.
    """
    mask = np.uint64((1 << bits) - 1)
    mixed = numbers.astype(np.uint64)
    for turn in range(3):
        part = (key * (2 * turn + 1) + _ODD * turn) % 2**64
        mixed = (mixed + np.uint64(part)) & mask
        mixed ^= mixed >> np.uint64(bits // 2)
        mixed = (mixed * np.uint64((_ODD ^ (part << 1)) % 2**64 | 1)) & mask
        mixed ^= mixed >> np.uint64(bits // 3)
    return np.asarray(mixed, np.uint64)


def hexadecimal(numbers: npt.NDArray[np.uint64], digits: int) -> pa.Array:
    """Write numbers as hexadecimal strings of equal length.

    Args:
        numbers: Whole numbers below ``16 ** digits``.
        digits: Length; even, up to 16.
    """
    big_endian = numbers.astype(">u8").view(np.uint8).reshape(-1, 8)[:, 8 - digits // 2 :]
    text = np.ascontiguousarray(_HEX[big_endian].reshape(-1))
    offsets = np.arange(len(numbers) + 1, dtype=np.int32) * np.int32(digits)
    return pa.StringArray.from_buffers(len(numbers), pa.py_buffer(offsets), pa.py_buffer(text))


class Ids:
    """The ids of one simulation, by its seed."""

    def __init__(self, seed: int) -> None:
        digest = hashlib.sha256(f"footfall simulator {seed}".encode()).digest()
        names = ("user", "device", "session", "order", "decision", "event", "card", "address")
        more = hashlib.sha256(digest).digest()
        raw = digest + more
        self._keys = {name: int.from_bytes(raw[8 * i : 8 * i + 8], "little") for i, name in enumerate(names)}

    def users(self, numbers: npt.NDArray[np.int64]) -> pa.Array:
        """Return the ids of users by their number in the shop (below 2 ** 32)."""
        return hexadecimal(scramble(numbers, self._keys["user"], 32), 8)

    def devices(self, keys: npt.NDArray[np.int64]) -> pa.Array:
        """Return anonymous ids by the key of a device and cookie."""
        return hexadecimal(scramble(keys, self._keys["device"], 64), 16)

    def of_user(self, kind: str, users: npt.NDArray[np.int64], numbers: npt.NDArray[np.int64]) -> pa.Array:
        """Return the ids of what a user has many of.

        Args:
            kind: ``session``, ``order`` or ``decision`` (below 2 ** 24 a user).
            users: Numbers of the users in the shop.
            numbers: Which session, order or decision of that user.
        """
        return hexadecimal(scramble((users << 24) | numbers, self._keys[kind], 56), 14)

    def events(self, users: npt.NDArray[np.int64], numbers: npt.NDArray[np.int64]) -> pa.Array:
        """Return event ids by user number and the event's place in that user's life."""
        return hexadecimal(scramble((users << 24) | numbers, self._keys["event"], 64), 16)

    def cards(self, keys: npt.NDArray[np.int64]) -> list[str]:
        """Return what a payment provider says instead of a card's number."""
        text: list[str] = hexadecimal(scramble(keys, self._keys["card"], 64), 16).to_pylist()
        return text

    def addresses(self, keys: npt.NDArray[np.int64]) -> list[str]:
        """Return internet addresses (IPv4, dotted) by the key of a place."""
        mixed = scramble(keys, self._keys["address"], 64)
        first = 20 + (mixed >> np.uint64(56)) % np.uint64(150)
        rest = [(mixed >> np.uint64(shift)) & np.uint64(255) for shift in (40, 24, 8)]
        return [f"{a}.{b}.{c}.{d}" for a, b, c, d in zip(first, *rest, strict=True)]
