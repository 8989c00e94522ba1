"""The rules a row can break: code, severity, and what a person does about it (in Japanese, for ward staff).

`reject` sends the row to quarantine; `warn` lets it pass and counts it: nobody loses an entitlement to a warning.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Rule:
    """One rule: its code is what reports and quarantine show, never the value that broke it."""

    code: str
    severity: Literal["reject", "warn"]
    remedy: str


_RULES = (
    Rule("ROW_LENGTH", "reject", "列の数が見出しと違います。提供元に行を直してもらってください。"),
    Rule("REQUIRED", "reject", "必須の項目が空です。提供元に確認してください。"),
    Rule(
        "DIGITS_10", "reject", "10桁の数字ではありません。先頭の0が落ちていないか確認してください。"
    ),
    Rule(
        "DUPLICATE_KEY",
        "reject",
        "同じ番号の行が別の内容で二つあります。どちらが正しいか確認してください。",
    ),
    Rule(
        "CODE_UNKNOWN", "reject", "コード表にない値です。レイアウトのコード表を確認してください。"
    ),
    Rule("DATE_FORM", "reject", "日付として読めません。YYYYMMDDまたは和暦で直してください。"),
    Rule("CLAIM_UNKNOWN", "reject", "この受付番号の申請がありません。申請の行を確認してください。"),
    Rule(
        "HEAD_ONE", "warn", "世帯主がちょうど一人の世帯ではありません。世帯構成を確認してください。"
    ),
    Rule("BIRTH_DATE_ODD", "warn", "生年月日に不詳の部分があるか、形式が違います。"),
    Rule("POSTAL_CODE_FORM", "warn", "郵便番号が7桁の数字ではありません。バーコードは付きません。"),
    Rule("DATE_STYLE", "warn", "日付がレイアウトに定めた書き方ではありません。"),
    Rule("NAME_EMPTY", "warn", "カナ氏名がありません(外国人住民では異常ではありません)。"),
)

RULES = {rule.code: rule for rule in _RULES}
