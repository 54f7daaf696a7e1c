"""From 64-bit hashes of ids to user numbers: about 16 bytes an id, where a join on the ids takes a hundred."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from footfall.compiled import kernel

Int32 = npt.NDArray[np.int32]
UInt64 = npt.NDArray[np.uint64]


@dataclasses.dataclass(frozen=True)
class IdMap:
    """Hashes and the number of each.

    Attributes:
        hashes: uint64 [ids], ascending, no two alike.
        numbers: int32 [ids].
        starts: int32 [buckets + 1], where the hashes that share their highest bits begin.
        shift: How far a hash is shifted to the right to give its bucket.
    """

    hashes: UInt64
    numbers: Int32
    starts: Int32
    shift: int

    @classmethod
    def of(cls, hashes: UInt64, numbers: Int32) -> IdMap:
        """Make a map.

        Args:
            hashes: Ascending, no two alike; [ids].
            numbers: The number of each, [ids].
        """
        bits = max(1, len(hashes).bit_length())
        return cls(hashes, numbers, _bucket_starts(hashes, 64 - bits, 1 << bits), 64 - bits)

    def look_up(self, hashes: UInt64) -> Int32:
        """Return the number of each hash, int32 [rows]; -1 where it is unknown."""
        return _look_up(hashes, self.hashes, self.numbers, self.starts, self.shift)


@kernel
def _bucket_starts(hashes: UInt64, shift: int, buckets: int) -> Int32:
    starts = np.zeros(buckets + 1, np.int32)
    for hash_ in hashes:
        starts[np.int64(hash_ >> np.uint64(shift)) + 1] += 1
    for bucket in range(buckets):
        starts[bucket + 1] += starts[bucket]
    return starts


@kernel
def _look_up(wanted: UInt64, hashes: UInt64, numbers: Int32, starts: Int32, shift: int) -> Int32:
    found = np.full(len(wanted), -1, np.int32)
    for row in range(len(wanted)):
        bucket = np.int64(wanted[row] >> np.uint64(shift))
        low, high = starts[bucket], starts[bucket + 1]
        while low < high and hashes[low] < wanted[row]:  # one or two in a bucket, for hashes are even
            low += 1
        if low < high and hashes[low] == wanted[row]:
            found[row] = numbers[low]
    return found
