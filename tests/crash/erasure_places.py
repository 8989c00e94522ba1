"""Where an erasure is killed, in the order in which it comes to the places; a number: the time that it comes there."""

PLACES = (
    "erasure.planned", "ledger.after_commit", "erasure.listed", "erasure.keys_destroyed", "erasure.files_gone",
    "erasure.part_before_commit", "erasure.part_erased", "erasure.keys_destroyed:2", "erasure.files_gone:2",
    "erasure.part_before_commit:2", "erasure.part_erased:2", "files.before_rename", "ledger.before_commit",
    "erasure.shrunk", "erasure.searched", "files.before_rename", "erasure.signed",
    "ledger.before_commit", "erasure.certified",
)  # fmt: skip
LAST_PLACES = (
    "erasure.listed", "erasure.files_gone", "ledger.before_commit", "erasure.part_before_commit", "erasure.part_erased",
    "erasure.shrunk", "erasure.signed",
)  # fmt: skip
AT_THE_PARTIES = ("erasure.asked", "erasure.party_certified")


def erasure_places() -> set[str]:
    """The places that are an erasure's alone."""
    names = {place.partition(":")[0] for place in (*PLACES, *LAST_PLACES, *AT_THE_PARTIES)}
    return {name for name in names if name.startswith("erasure.")}
