"""What the households without a scenario do: claim faultlessly on some day, or not at all."""

from __future__ import annotations

from itertools import accumulate

from data.synthetic_ward.claiming import ordinary
from data.synthetic_ward.scenarios import plain
from data.synthetic_ward.world import ONLINE, POSTAL, Ward


def claim_for_the_rest(ward: Ward) -> None:
    """Let every household without a scenario claim as the settings' shares say."""
    rng, shares = ward.rng, ward.settings.claims
    online_days = list(accumulate(shares["online_days"]))
    postal_days = list(accumulate(shares["postal_days"]))
    for household in ward.pool:
        if rng.random() < shares["unclaimed"]:
            ward.planted["unclaimed_household"] += 1
        elif rng.random() < shares["online"] and plain(household):
            day = rng.choices((1, 2, 3), cum_weights=online_days)[0]
            ordinary(ward, ONLINE, day, household.head)
        else:
            day = rng.choices((2, 3), cum_weights=postal_days)[0]
            ordinary(ward, POSTAL, day, household.head)
    ward.pool.clear()
