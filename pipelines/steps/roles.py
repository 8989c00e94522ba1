"""Who may do what: holds, cash and stray money, mail and letters, unmendable rows, the stop, rosters, evidence.

An actor comes from an authenticated session (`pipelines.sign_in`), never from a name.
"""

from dataclasses import dataclass
from enum import StrEnum

from pipelines.errors import KyufuError


class NotAllowed(KyufuError):
    """The signed-in person's roles do not allow this."""


class Role(StrEnum):
    """The roles of DESIGN.md, rule 12."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    STEWARD = "steward"
    APPROVER = "approver"
    AUDITOR = "auditor"


class Act(StrEnum):
    """What is done, in ward staff's words."""

    LIST = "保留の一覧を見る"
    SHOW = "保留の内容を見る"
    SHOW_PROTECTED = "保護対象者の内容を見る"
    DECIDE = "保留を決定する"
    AGREE = "ほかの職員の決定に同意する"
    LIST_MONEY = "回収、未照合の振込結果、窓口払いの一覧を見る"
    SHOW_MONEY = "回収の内容を見る"
    DECIDE_MONEY = "回収の開始、振込結果、窓口払いを決定する"
    ENTER_MONEY = "回収した額を記録する"
    EXCEPT_ROWS = "直せない行を例外とする"
    LIST_LETTERS = "他の自治体への通知の一覧を見る"
    SHOW_LETTER = "他の自治体への通知の内容を見る"
    CHECK_LETTER = "他の自治体への通知を確認する"
    POST_LETTER = "他の自治体への通知の発送を記録する"
    DRAFT_CASH = "窓口払いを起案し、名簿を出す"
    ENTER_CASH = "窓口で受領を記録する"
    LIST_PAPER = "区の紙の書類の一覧を見る"
    SHOW_PAPER = "区の紙の書類を取り出す"
    LIST_MAIL = "郵便物の一覧を見る"
    ENTER_MAIL = "返戻や再発行を記録する"
    STOP = "すべての送付を停止する"
    RESUME = "送付の再開に同意する"
    PLAN_ERASURE = "消去を計画し、実行する"
    APPROVE_ERASURE = "消去に同意する"
    INQUIRE = "一人の状況を照会する"
    AUDIT_WHO = "一人の閲覧・提供の記録を見る"
    REGISTER_ROSTER = "取扱者の名簿を登録する"
    CONFIRM_ROSTER = "研修や再委託の承諾の確認を登録する"
    ENTER_INCIDENT = "事故とその経過を記録する"
    MAKE_EVIDENCE = "点検資料を作る"


_MAY = {
    Act.LIST: frozenset(Role),
    Act.SHOW: frozenset({Role.STEWARD, Role.APPROVER, Role.AUDITOR}),
    Act.SHOW_PROTECTED: frozenset({Role.STEWARD}),
    Act.DECIDE: frozenset({Role.STEWARD}),
    Act.AGREE: frozenset({Role.STEWARD, Role.APPROVER}),
    Act.LIST_MONEY: frozenset(Role),
    Act.SHOW_MONEY: frozenset({Role.STEWARD, Role.APPROVER, Role.AUDITOR}),
    Act.DECIDE_MONEY: frozenset({Role.STEWARD, Role.APPROVER}),
    Act.ENTER_MONEY: frozenset({Role.STEWARD}),
    Act.EXCEPT_ROWS: frozenset({Role.STEWARD, Role.APPROVER}),
    Act.LIST_LETTERS: frozenset(Role),
    Act.SHOW_LETTER: frozenset({Role.STEWARD, Role.APPROVER, Role.AUDITOR}),
    Act.CHECK_LETTER: frozenset({Role.STEWARD, Role.APPROVER}),
    Act.POST_LETTER: frozenset({Role.STEWARD, Role.APPROVER}),
    Act.DRAFT_CASH: frozenset({Role.OPERATOR, Role.STEWARD}),
    Act.ENTER_CASH: frozenset({Role.OPERATOR, Role.STEWARD}),
    Act.LIST_PAPER: frozenset(Role),
    Act.SHOW_PAPER: frozenset({Role.STEWARD, Role.APPROVER}),
    Act.LIST_MAIL: frozenset(Role),
    Act.ENTER_MAIL: frozenset({Role.OPERATOR, Role.STEWARD}),
    Act.STOP: frozenset(Role) - {Role.VIEWER},
    Act.RESUME: frozenset({Role.STEWARD, Role.APPROVER}),
    Act.PLAN_ERASURE: frozenset({Role.STEWARD}),
    Act.APPROVE_ERASURE: frozenset({Role.STEWARD, Role.APPROVER}),
    Act.INQUIRE: frozenset(Role) - {Role.VIEWER},
    Act.AUDIT_WHO: frozenset({Role.STEWARD, Role.AUDITOR}),
    Act.REGISTER_ROSTER: frozenset({Role.OPERATOR, Role.STEWARD}),
    Act.CONFIRM_ROSTER: frozenset({Role.STEWARD, Role.APPROVER}),
    Act.ENTER_INCIDENT: frozenset(Role) - {Role.VIEWER},
    Act.MAKE_EVIDENCE: frozenset({Role.STEWARD, Role.AUDITOR}),
}


@dataclass(frozen=True)
class Actor:
    """A signed-in person. name: the id that the auth manager gives, the same as on approvals in Airflow."""

    name: str
    roles: frozenset[Role]

    def may(self, act: Act) -> bool:
        """Whether one of the person's roles allows it."""
        return bool(self.roles & _MAY[act])

    def assert_may(self, act: Act) -> None:
        """Fail unless one of the person's roles allows it.

        Raises:
            NotAllowed: none does.
        """
        if not self.may(act):
            own = "、".join(sorted(self.roles)) or "なし"
            needed = "、".join(sorted(_MAY[act]))
            raise NotAllowed(
                f"{self.name}(役割: {own})には「{act}」権限がありません(必要な役割: {needed}のいずれか)。"
            )
