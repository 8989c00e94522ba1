"""What a party sends over the link: held against everything that is declared of it, and taken once.

A file is read only if a dataset of the day expects it; `party_outbox` tells of all others.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from pipelines.errors import InputRefused, PeriodRefused
from pipelines.intake.receive import expected_files
from pipelines.intake.staging import Manifest
from pipelines.link import manifest as statements
from pipelines.link import receiving
from pipelines.link.errors import ManifestInvalid, NameNotAllowed, RemoteFailure, SealInvalid
from pipelines.link.session import SFTPClient
from pipelines.steps import inbox
from pipelines.steps.campaign import Campaign
from pipelines.steps.party_outbox import OUTBOX, list_name, look_over

_WHY = {
    SealInvalid: "封印か署名が合いません。途中で壊れたか、差し替わっています。",
    ManifestInvalid: "送り状の内容が取り決めと違います。",
    NameNotAllowed: "名前が取り決めと違います。",
    RemoteFailure: "送り状のとおりに読めません。ファイルがないか、大きさが違うか、読む途中で変わりました。",
}


@dataclass(frozen=True)
class Sent:
    """A dataset's files of a day, with what is declared of them.

    Attributes:
        files: name -> bytes.
        sheets: control sheets that came with them: name -> bytes.
        records: file -> data rows that its manifest declares; of an archive those of its first table.
        unexpected: how many other things in the party's outbox are told of.
    """

    files: Mapping[str, bytes]
    sheets: Mapping[str, bytes] = field(default_factory=dict)
    records: Mapping[str, int] = field(default_factory=dict)
    unexpected: int = 0

    def assert_rows_declared(self, manifest: Manifest) -> None:
        """Every file has as many data rows as its manifest on the link declares.

        Raises:
            InputRefused: one has not.
        """
        for name, declared in self.records.items():
            read = next(n for key, n in manifest.file_rows.items() if key.partition("#")[0] == name)
            if read != declared:
                raise InputRefused(
                    f"{name}: 送り状の件数は{declared:,}、読んだ行数は{read:,}です。"
                    "途中で切れたか、別のファイルの送り状です。相手先に確認し、正しい組を受け取ってください。"
                )


def fetch(c: Campaign, party_id: str, dataset: str, day: date) -> Sent:
    """A dataset's files of the day, once the party's list of the day is there; no files if the list names none.

    Raises:
        PeriodRefused: the party is not connected on that day.
        InputMissing: the party's list of the day did not come in time.
        InputRefused: only some of the files came, or one is not what its manifest says.
        LinkUnreachable: the connection broke; try again.
    """
    party = c.programme.party(party_id)
    if not party.connection.holds(day):
        raise PeriodRefused(
            f"{party.name}: {day} は結合期間 {party.connection} の外です。接続しません。"
        )
    with c.session(party_id) as sftp:
        inbox.wait_until(
            c,
            lambda: receiving.is_published(sftp, OUTBOX, list_name(day)),
            f"{party.name}の{day}の送信一覧",
        )
        listed = _read_list(c, sftp, party_id, day)
        told = look_over(c, party_id, sftp, day, listed)
        wanted = expected_files(c.programme, dataset, day)
        there = [name for name in wanted if name in listed]
        if there and len(there) != len(wanted):
            raise InputRefused(
                f"{dataset} {day}: {party.name}から届いたファイルが{len(there)}個です({len(wanted)}個で一組)。"
                "相手先に確認し、そろえて送ってもらってください。"
            )
        sheets = [
            name
            for name in map(inbox.sheet_name, there)
            if name in listed or receiving.is_published(sftp, OUTBOX, name)
        ]
        taken = {name: take(c, sftp, party_id, name, day, of=day) for name in (*there, *sheets)}
    return Sent(
        {name: taken[name].payload for name in there},
        {name: taken[name].payload for name in sheets},
        {name: taken[name].manifest.records for name in there},
        told.count,
    )


def take(
    c: Campaign, sftp: SFTPClient, party_id: str, name: str, day: date, of: date | None = None
) -> receiving.Received:
    """One published file, opened and held against its manifest. of: the day that the manifest must state.

    Raises:
        InputRefused: the seal, the manifest or the file does not fit, or it is meant for something else.
    """
    with _refusing(name):
        received = receiving.receive(sftp, OUTBOX, name, c.ward, c.certificate(party_id), day)
    stated = received.manifest
    wrong = [
        item
        for item, fits in (
            ("事業", stated.programme == c.programme.id),
            ("業務日", of is None or stated.business_date == of),
            ("演習の印", stated.unpayable == c.programme.is_demonstration),
        )
        if not fits
    ]
    if wrong:
        raise InputRefused(
            f"{name}: 送り状の「{'」「'.join(wrong)}」が、受け取るはずのものと違います。"
            "受け取っていません。相手先に確認し、正しいものを送り直してもらってください。"
        )
    return received


def assert_declared(stated: statements.Manifest, records: int, sum_yen: int | None) -> None:
    """A file of the bank must have the count and the sum that its manifest declares; no sum where it moves no money.

    Raises:
        InputRefused: it has not.
    """
    wrong = [
        item
        for item, declared, found in (
            ("件数", stated.records, records),
            ("合計金額", stated.sum_yen, sum_yen),
        )
        if declared != found
    ]
    if wrong:
        raise InputRefused(
            f"{stated.name}: 送り状の「{'」「'.join(wrong)}」がファイルと一致しません。"
            "受け取っていません。相手先に確認し、正しい組を送り直してもらってください。"
        )


def look_again(c: Campaign, party_id: str, staged: Manifest) -> int:
    """Look whether what was taken for a day is still what the party's outbox holds; returns what is told of.

    Raises:
        InputRefused: another content stands under a name; what was taken first stays.
    """
    day = date.fromisoformat(staged.day)
    with c.session(party_id) as sftp:
        if not receiving.is_published(sftp, OUTBOX, list_name(day)):
            return 0  # cleared away since
        told = look_over(c, party_id, sftp, day, _read_list(c, sftp, party_id, day))
    for name in staged.sources:
        if name in told.replaced:
            raise InputRefused(
                f"{name}: 受け取ったあとで、別の内容に差し替わっています。初めに受け取った内容のまま使い、"
                "新しい内容は受け取りません。理由を相手先に確認し、差し替えたものを送信箱から取り除いて、"
                "訂正は後の業務日の名前で送ってもらってください。"
            )
    return told.count


def _read_list(c: Campaign, sftp: SFTPClient, party_id: str, day: date) -> list[str]:
    """The names on the party's list of the day."""
    name = list_name(day)
    received = take(c, sftp, party_id, name, day, of=day)
    try:
        content: Any = json.loads(received.payload)
        files = content["files"]
        fits = content["day"] == day.isoformat() and all(isinstance(n, str) for n in files)
    except (ValueError, LookupError, TypeError):
        fits, files = False, []
    if not fits or len(files) != received.manifest.records:
        raise InputRefused(
            f"{name}: {day}の送信一覧として読めないか、件数が送り状と一致しません。"
            "相手先に確認し、正しい一覧を送り直してもらってください。"
        )
    return list(files)


@contextmanager
def _refusing(name: str) -> Iterator[None]:
    """A delivery that is not what its manifest says is the file's fault, not the connection's."""
    try:
        yield
    except tuple(_WHY) as error:
        why = next(text for kind, text in _WHY.items() if isinstance(error, kind))
        raise InputRefused(
            f"{name}: {why}受け取っていません。相手先に確認し、送り直してもらってください。"
        ) from error
