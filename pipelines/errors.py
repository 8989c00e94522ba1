"""The errors an operator meets: each says what is wrong, where, and what to do."""

from datetime import date


class KyufuError(Exception):
    """Base of every expected error; the command line prints it without a traceback."""


class Refusal(KyufuError):
    """A refusal that the audit chain tells of, whatever becomes of the transaction that met it.

    rule: its code; counts: how many of what; about: what was refused (a name, never a person's data), with further
    codes. Without a day, as of a call that never came to its business, it is not told.
    """

    def __init__(self, message: str, rule: str, **counts: int) -> None:
        """Keep the rule and the counts; `bind` says what they are about."""
        super().__init__(message)
        self.rule = rule
        self.counts = counts
        self.subject = ""
        self.codes: dict[str, str] = {}
        self.day: date | None = None
        self.is_told = False

    def bind(self, subject: str, day: date, **codes: str) -> None:
        """Say what was refused, and on which business date."""
        self.subject, self.day, self.codes = subject, day, codes

    @property
    def detail(self) -> dict[str, str | int]:
        """What the audit chain says of it: codes and counts."""
        return {"rule": self.rule, **self.codes, **self.counts}


class InputRefused(KyufuError):
    """A file may not enter: wrong name, day, bytes, header or total. Nothing of it was staged."""


class InputMissing(KyufuError):
    """A file that this step needs is not there."""


class PeriodRefused(KyufuError):
    """The programme does not allow this on this day; nothing was read or sent."""


class MyNumberRefused(InputRefused):
    """A file holds a My Number (個人番号), which the programme may not hold. Nothing of it was staged."""
