"""Columns whose values name rows of another table: of the same delivery, or of the frozen register.

What a row names must be there. A member line without its claim is nobody's and waits (`reject`). Whatever names
somebody or a household outside the base-date register goes on with a warning: people come and go after the base date,
and a claim that waits in quarantine is a claim that nobody decides; matching judges it.
"""

from schemas.tables import Link

_REGISTER = "register"

OF_CLAIM = Link("CLAIM_UNKNOWN", "claim_no", "claims", "claim_no")
OF_ATTACHMENT = Link("ATTACHMENT_CLAIM_UNKNOWN", "claim_no", "claims", "claim_no")
OF_HOUSEHOLD = Link("HOUSEHOLD_UNKNOWN", "household_id", "rows", "household_id", _REGISTER)
OF_APPLICANT = Link("RESIDENT_UNKNOWN", "applicant_resident_id", "rows", "resident_id", _REGISTER)
OF_RESIDENT = Link("RESIDENT_UNKNOWN", "resident_id", "rows", "resident_id", _REGISTER)
# births and arrivals bring people whom the base-date register cannot have
OF_WHO_LEFT = Link(
    "RESIDENT_UNKNOWN", "resident_id", "rows", "resident_id", _REGISTER,
    where=("change_reason", ("death", "moved_out")),
)  # fmt: skip
