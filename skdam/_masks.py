"""Matrices of booleans: where they are true, and how often."""

import numpy as np

from ._math import Integers


def true_entries(mask: np.ndarray) -> tuple[Integers, Integers]:
    """Return (row, column) of the true entries of a matrix, fast where they are few."""
    width = mask.shape[1]
    if width & (width - 1) == 0:
        found = _true_places(mask)
        return found >> (width.bit_length() - 1), found & (width - 1)  # no division
    counts, column = true_columns(mask)
    return np.repeat(np.arange(len(mask)), counts), column


def true_columns(mask: np.ndarray) -> tuple[Integers, Integers]:
    """Return how many entries of each row are true, and their columns, row by row."""
    found, start = _true_places(mask), np.arange(len(mask) + 1) * mask.shape[1]
    counts = np.diff(np.searchsorted(found, start))
    found -= np.repeat(start[:-1], counts)
    return counts, found


def _true_places(mask: np.ndarray) -> Integers:
    flat = np.ascontiguousarray(mask).reshape(-1)
    return _sparse_entries(flat) if flat.size % 8 == 0 else np.flatnonzero(flat)


def _sparse_entries(flat: np.ndarray) -> Integers:
    """Return the places of true entries, skipping false ones eight at a time if that pays."""
    occupied = flat.view(np.uint64) != 0
    words = np.flatnonzero(occupied)
    if len(words) > len(occupied) // 8:
        return np.flatnonzero(flat)
    entry = np.flatnonzero(flat.reshape(-1, 8)[words])
    return words[entry >> 3] * 8 + (entry & 7)


class RowCounts:
    """How many entries of each row are true, in masks (C order) that come tile by tile."""

    def __init__(self, n_rows: int) -> None:
        self.counts = np.zeros(n_rows, dtype=np.intp)
        self.lanes = np.empty((n_rows, 0), dtype=np.uint64)  # eight counts of bytes side by side
        self.n_added = 0

    def add(self, mask: np.ndarray) -> None:
        """Count a tile: eight entries at a time if it is as wide as that allows."""
        if mask.shape[1] % 8:
            self.counts += np.count_nonzero(mask, axis=1)
            return
        words = mask.view(np.uint64)
        if words.shape != self.lanes.shape or self.n_added == 255:  # a byte is full
            self._flush()
            self.lanes = np.zeros_like(words)
        self.lanes += words
        self.n_added += 1

    def total(self) -> Integers:
        """Return the counts so far."""
        self._flush()
        return self.counts

    def _flush(self) -> None:
        self.counts += self.lanes.view(np.uint8).sum(axis=1, dtype=np.intp)
        self.lanes, self.n_added = self.lanes[:, :0], 0
