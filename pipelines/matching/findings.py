"""The findings: code, what it does unless the programme calls it a note, and what it means (for ward staff)."""

from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from pipelines.programme import Programme, ProgrammeError

Effect = Literal["hold", "wait", "drop", "none"]


@dataclass(frozen=True)
class Finding:
    """hold: the people it is about wait for a steward. wait: for a correction. drop: its line touches nobody."""

    code: str
    effect: Effect
    meaning: str


FINDINGS = {
    f.code: f
    for f in (
        Finding("HEAD_NOT_FOUND", "none", "申請者が対象者の中に見つかりません。"),
        Finding("NOT_HEAD", "hold", "申請者が世帯主ではありません。"),
        Finding(
            "NOT_OWN_CLAIM", "hold", "訂正・取下げが、申請者のものではない申請を指しています。"
        ),
        Finding("HEAD_DIED", "hold", "世帯主が基準日以後に亡くなっています。"),
        Finding("HEAD_PROTECTED", "hold", "世帯主あての申請は区が直接受け付けます。"),
        Finding("MEMBER_NOT_FOUND", "drop", "申請書の行に当たる人が見つかりません。"),
        Finding("MEMBER_NOT_IN_HOUSEHOLD", "drop", "申請書の行の人は別の世帯の人です。"),
        Finding("MEMBER_OMITTED", "none", "世帯員の一部が申請書にありません。"),
        Finding("MEMBER_NOT_WANTED", "none", "受給を希望しない欄に印があります。"),
        Finding("MEMBER_PROTECTED", "drop", "本人が申請する人です。"),
        Finding("MEMBER_PAID", "drop", "すでに支給が決まっています。"),
        Finding("MEMBER_PAID_ELSEWHERE", "drop", "他の自治体が給付します。"),
        Finding("NOT_ELIGIBLE", "drop", "基準日の対象者ではありません。"),
        Finding("DUPLICATE_CLAIM", "hold", "同じ人について別の申請があります。"),
        Finding("SAME_CERTIFICATE", "hold", "同じ電子証明書で別の人が申請しています。"),
        Finding("ACCOUNT_NOT_CLAIMANT", "hold", "口座名義が申請者と違います。"),
        Finding("ACCOUNT_SHARED", "hold", "同じ口座が別の世帯の申請にもあります。"),
        Finding("ACCOUNT_INVALID", "hold", "口座の記載に誤りがあります。"),
        Finding("ACCOUNT_NOT_FOUND", "hold", "銀行に該当する口座がありません(口座照会の結果)。"),
        Finding("HOLDER_DIFFERS", "hold", "銀行の口座名義と違います(口座照会の結果)。"),
        Finding("ACCOUNT_UNCONFIRMED", "hold", "銀行が口座を確認できません(口座照会の結果)。"),
        Finding("YUCHO_CONVERTED", "none", "ゆうちょ銀行の記号番号を変換しました。"),
        Finding("LATE", "hold", "申請期限を過ぎています。"),
        Finding("PROXY", "none", "代理人による申請です。"),
        Finding("PROXY_NOT_MEMBER", "hold", "代理人が世帯員と確認できません。"),
        Finding("DEFICIENT", "wait", "書類に不備があります。"),
        Finding(
            "CHANGE_IN_QUARANTINE",
            "hold",
            "本人の異動の行が保留中です。行を直すと支給か対象外かが決まります。",
        ),
        Finding(
            "PAID_NOT_ELIGIBLE",
            "none",
            "給付のあとに、基準日の対象者ではなかったと届け出がありました。返還が必要か確かめてください。",
        ),
    )
}


# made outside matching: by waiting changes of the register, by late ones, and by the bank's answers about accounts
MADE_ELSEWHERE = frozenset(
    {
        "CHANGE_IN_QUARANTINE",
        "PAID_NOT_ELIGIBLE",
        "ACCOUNT_NOT_FOUND",
        "HOLDER_DIFFERS",
        "ACCOUNT_UNCONFIRMED",
    }
)


def rules(programme: Programme) -> pa.Table:
    """The relation (code, effect, severity) for the programme's severities.

    Raises:
        ProgrammeError: a code without severity, or a severity without code.
    """
    missing, unknown = (
        set(FINDINGS) - set(programme.findings),
        set(programme.findings) - set(FINDINGS),
    )
    if missing or unknown:
        raise ProgrammeError(
            f"programme {programme.id}: [findings] lacks {sorted(missing)} and names the unknown {sorted(unknown)}"
        )
    return pa.table(
        {
            "code": list(FINDINGS),
            "effect": [f.effect for f in FINDINGS.values()],
            "severity": [programme.findings[code] for code in FINDINGS],
        }
    )
