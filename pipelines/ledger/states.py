"""The states of an entitlement and a batch, and the moves between them."""

from enum import StrEnum


class Entitlement(StrEnum):
    """Where one eligible person stands in one programme; everybody is in exactly one state, always."""

    UNCLAIMED = "unclaimed"
    CLAIMED = "claimed"
    HELD = "held"
    APPROVED = "approved"
    IN_PAYMENT = "in_payment"
    UNKNOWN = "unknown"
    PAID = "paid"
    RETURNED = "returned"
    DECLINED = "declined"
    ELSEWHERE_PENDING = "elsewhere_pending"
    ELSEWHERE = "elsewhere"
    INELIGIBLE = "ineligible"
    LAPSED = "lapsed"


class Batch(StrEnum):
    """A set of payments on its way to the bank."""

    DRAFTED = "drafted"
    APPROVED = "approved"
    REJECTED = "rejected"
    SENDING = "sending"
    DELIVERED = "delivered"
    SETTLED = "settled"


class Route(StrEnum):
    """How money gets to people."""

    TRANSFER = "transfer"
    CASH = "cash"


LABELS_JA = {
    Entitlement.UNCLAIMED: "未申請",
    Entitlement.CLAIMED: "不備(補正待ち)",
    Entitlement.HELD: "保留(確認中)",
    Entitlement.APPROVED: "支給決定済み",
    Entitlement.IN_PAYMENT: "振込手続中",
    Entitlement.UNKNOWN: "振込結果不明",
    Entitlement.PAID: "給付済み",
    Entitlement.RETURNED: "振込不能(返戻)",
    Entitlement.DECLINED: "不支給(希望しない・認めない)",
    Entitlement.ELSEWHERE_PENDING: "他自治体の給付待ち",
    Entitlement.ELSEWHERE: "他自治体で給付済み",
    Entitlement.INELIGIBLE: "対象外",
    Entitlement.LAPSED: "申請期限経過",
}

_E = Entitlement
_BEFORE_DECISION = {_E.UNCLAIMED, _E.CLAIMED, _E.HELD, _E.DECLINED}
_OPEN = {*_BEFORE_DECISION, _E.RETURNED}
_NOT_PAID = {*_OPEN, _E.APPROVED, _E.ELSEWHERE_PENDING}

MOVES: frozenset[tuple[Entitlement, Entitlement]] = frozenset(
    {(a, b) for a in _OPEN for b in {*_BEFORE_DECISION, _E.APPROVED}}
    | {(a, b) for a in _BEFORE_DECISION for b in (_E.ELSEWHERE_PENDING, _E.ELSEWHERE)}
    | {(a, _E.INELIGIBLE) for a in _NOT_PAID}  # not on the register on the base date, notified later
    | {
        (_E.ELSEWHERE_PENDING, _E.ELSEWHERE),
        (_E.APPROVED, _E.IN_PAYMENT),
        (_E.APPROVED, _E.HELD),  # a change of the person's waits in quarantine
        (_E.APPROVED, _E.UNCLAIMED),  # a protection arrives before the payment is sent
        (_E.APPROVED, _E.ELSEWHERE_PENDING),
        (_E.APPROVED, _E.ELSEWHERE),
        (_E.IN_PAYMENT, _E.APPROVED),  # the batch is rejected or voided before sending
        (_E.IN_PAYMENT, _E.UNKNOWN),
        (_E.IN_PAYMENT, _E.PAID),
        (_E.IN_PAYMENT, _E.RETURNED),
        (_E.UNKNOWN, _E.PAID),
        (_E.UNKNOWN, _E.RETURNED),
        (_E.RETURNED, _E.PAID),  # two people decided that it was paid after all
        (_E.APPROVED, _E.PAID),  # the same, when the new claim was decided already
        (_E.PAID, _E.RETURNED),  # the bank returns the money later
        (_E.PAID, _E.UNCLAIMED),  # under recovery: it went to somebody else
        (_E.PAID, _E.INELIGIBLE),  # under recovery: two people decided that it was paid wrongly
        (_E.UNCLAIMED, _E.LAPSED),
    }
)  # fmt: skip
