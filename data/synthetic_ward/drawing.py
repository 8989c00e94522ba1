"""The generator's source of chance."""

from __future__ import annotations

from random import Random
from typing import Protocol, TypeVar

T = TypeVar("T", covariant=True)


class Choices(Protocol[T]):
    """What one can draw from."""

    def __len__(self) -> int:
        """How many there are."""

    def __getitem__(self, place: int, /) -> T:
        """The one at a place."""


class Draw(Random):
    """A seeded generator whose commonest draws are fast; tiny bias does not matter here."""

    def randint(self, a: int, b: int) -> int:
        """A whole number from a to b, both included."""
        return a + int(self.random() * (b - a + 1))

    def choice(self, seq: Choices[T]) -> T:
        """One of a sequence."""
        return seq[int(self.random() * len(seq))]
