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
    Rule(
        "CHANGE_DATE_UNSURE",
        "reject",
        "異動年月日が暦にないか不詳の部分があり、基準日の前か後か決まりません。正しい日付を確認して直してください。",
    ),
    Rule("CLAIM_UNKNOWN", "reject", "この受付番号の申請がありません。申請の行を確認してください。"),
    Rule(
        "HOUSEHOLD_UNKNOWN",
        "warn",
        "基準日台帳にない世帯番号です。突合が判定します。書き間違いか、基準日より後の世帯かを確認してください。",
    ),
    Rule(
        "RESIDENT_UNKNOWN",
        "warn",
        "基準日台帳にない住民番号です。書き間違いか、基準日より後に転入・出生した人かを確認してください。",
    ),
    Rule(
        "ATTACHMENT_CLAIM_UNKNOWN",
        "warn",
        "申請のない受付番号の添付があります(行は添付の順番)。連携元に申請の漏れがないか確認してください。",
    ),
    Rule(
        "MY_NUMBER",
        "reject",
        "個人番号(マイナンバー)があります。ファイルを消去し、提供元に除いた再出力を依頼してください。",
    ),
    Rule(
        "HEAD_ONE", "warn", "世帯主がちょうど一人の世帯ではありません。世帯構成を確認してください。"
    ),
    Rule("BIRTH_DATE_ODD", "warn", "生年月日に不詳の部分があるか、形式が違います。"),
    Rule("POSTAL_CODE_FORM", "warn", "郵便番号が7桁の数字ではありません。バーコードは付きません。"),
    Rule(
        "HEAD_NAME",
        "warn",
        "世帯主漢字氏名が世帯主本人の漢字氏名と違います。台帳を確認してください。",
    ),
    Rule("RELATIONSHIP_FORM", "warn", "続柄が2桁の符号を並べた形ではありません。"),
    Rule(
        "BIRTH_AFTER_BASE_DATE",
        "warn",
        "生年月日が基準日より後です。抽出の条件を確認してください。",
    ),
    Rule(
        "DATE_ODD", "warn", "暦にない日付か、読めない書き方です。突合では日付なしとして扱います。"
    ),
    Rule("DATE_FUTURE", "warn", "日付が受領日より後です。入力の誤りがないか確認してください。"),
    Rule("DATE_ORDER", "warn", "日付の前後が逆です。どちらが正しいか確認してください。"),
    Rule(
        "POSTAL_CODE_UNKNOWN",
        "warn",
        "郵便番号が郵便番号簿にありません(廃止または新設された番号かもしれません)。",
    ),
    Rule(
        "POSTAL_CODE_TOWN",
        "warn",
        "郵便番号の町域と住所が合いません。バーコードを確認してください。",
    ),
    Rule("BANK_FORM", "warn", "金融機関コードは4桁、支店コードは3桁の数字です。突合が判定します。"),
    Rule(
        "BANK_UNKNOWN", "warn", "金融機関コードが全銀協の一覧にありません(統廃合かもしれません)。"
    ),
    Rule("BRANCH_UNKNOWN", "warn", "支店コードが全銀協の一覧にありません(統廃合かもしれません)。"),
    Rule(
        "ACCOUNT_TYPE_UNKNOWN",
        "warn",
        "預金種目が1・2・4のいずれでもありません。突合が判定します。",
    ),
    Rule("ACCOUNT_NUMBER_FORM", "warn", "口座番号が7桁の数字ではありません。突合が判定します。"),
    Rule("YUCHO_FORM", "warn", "ゆうちょの記号・番号の形ではありません。突合が判定します。"),
    Rule(
        "CERTIFICATE_FORM",
        "warn",
        "証明書シリアル番号が16進数ではありません。連携元に確認してください。",
    ),
    Rule("COUNT_FORM", "warn", "添付数が数字ではありません。添付ファイルを確認してください。"),
    Rule(
        "SUPERSEDES_ODD",
        "warn",
        "訂正・取下に元の受付番号がないか、新規に元の受付番号があります。",
    ),
    Rule("DATE_STYLE", "warn", "日付がレイアウトに定めた書き方ではありません。"),
    Rule("NAME_EMPTY", "warn", "カナ氏名がありません(外国人住民では異常ではありません)。"),
)

RULES = {rule.code: rule for rule in _RULES}
