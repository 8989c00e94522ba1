"""Who may do what with holds, with money that went astray, and with the stop of all sending.

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
    LIST_MONEY = "回収と未照合の振込結果の一覧を見る"
    SHOW_MONEY = "回収の内容を見る"
    DECIDE_MONEY = "回収の開始や振込結果を決定する"
    ENTER_MONEY = "回収した額を記録する"
    STOP = "すべての送付を停止する"
    RESUME = "送付の再開に同意する"
    PLAN_ERASURE = "消去を計画し、実行する"
    APPROVE_ERASURE = "消去に同意する"


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
    Act.STOP: frozenset(Role) - {Role.VIEWER},
    Act.RESUME: frozenset({Role.STEWARD, Role.APPROVER}),
    Act.PLAN_ERASURE: frozenset({Role.STEWARD}),
    Act.APPROVE_ERASURE: frozenset({Role.STEWARD, Role.APPROVER}),
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
