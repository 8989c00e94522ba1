"""消去報告書: the ward's certificate of an erasure, as a PDF; counts, classes and days, nobody's data."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date

from pipelines.outputs.paper.typesetting import typeset


@dataclass(frozen=True)
class ErasedPart:
    """One class. until: the end of its period; how: in ward staff's words."""

    what: str
    until: str
    erased_on: str
    files: int
    keys: int
    rows: int
    how: str


@dataclass(frozen=True)
class PartyPart:
    """One party, and what stands about it."""

    party: str
    told: str


@dataclass(frozen=True)
class ErasureCertificate:
    """Everything that the certificate says. kept: class -> until when it is kept; searched: what was looked through."""

    number: int
    day: date
    programme: str
    municipality: str
    office: str
    approved_by: Sequence[str]
    plan_sha256: str
    parts: Sequence[ErasedPart]
    kept: Mapping[str, str]
    parties: Sequence[PartyPart]
    searched: str
    not_covered: Sequence[str]
    chain: str


def write_certificate(certificate: ErasureCertificate) -> bytes:
    """The PDF; the same certificate is always the same bytes.

    Raises:
        PaperError: a text has a character that the font cannot print.
    """
    data = asdict(certificate) | {"day": f"{certificate.day:%Y年%m月%d日}"}
    return typeset("erasure_certificate", data, certificate.day)
