"""The errors an operator meets: each says what is wrong, where, and what to do."""


class KyufuError(Exception):
    """Base of every expected error; the command line prints it without a traceback."""


class InputRefused(KyufuError):
    """A file may not enter: wrong name, day, bytes, header or total. Nothing of it was staged."""


class InputMissing(KyufuError):
    """A file that this step needs is not there."""


class PeriodRefused(KyufuError):
    """The programme does not allow this on this day; nothing was read or sent."""


class MyNumberRefused(InputRefused):
    """A file holds a My Number (個人番号), which the programme may not hold. Nothing of it was staged."""
