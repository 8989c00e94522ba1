"""The generator's source of chance."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Draw(Random):
    """A seeded generator whose commonest draws are fast; tiny bias does not matter here."""

    def randint(self, a: int, b: int) -> int:
        """A whole number from a to b, both included."""
        return a + int(self.random() * (b - a + 1))

    def choice(self, seq: Sequence[T]) -> T:
        """One of a sequence."""
        return seq[int(self.random() * len(seq))]
