"""The datasets that may enter, each declared in a file of its own."""

from schemas import (
    evacuation,
    facility,
    facility_exchange,
    inhouse_claims,
    online_claims,
    placement,
    postal_claims,
    register,
    register_changes,
    visually_impaired,
)
from schemas.tables import Table

__all__ = ["COLUMNS", "DATASETS", "DATES", "ITEMS", "ITEM_NAMES", "Table"]

DATASETS: dict[str, tuple[Table, ...]] = {
    **register.DATASET,
    **register_changes.DATASET,
    **facility.DATASET,
    **placement.DATASET,
    **visually_impaired.DATASET,
    **evacuation.DATASET,
    **facility_exchange.DATASET,
    **online_claims.DATASET,
    **postal_claims.DATASET,
    **inhouse_claims.DATASET,
}

COLUMNS = frozenset(
    name for tables in DATASETS.values() for table in tables for name in table.columns
)
"""Every column that any dataset has."""
DATES = frozenset(
    name for tables in DATASETS.values() for table in tables for name in table.date_keys
)
"""Those of them that are dates."""
ITEMS = frozenset(
    field.item for tables in DATASETS.values() for table in tables for _, field in table.fields
)
"""Every item name that a source may use for one of them."""
ITEM_NAMES = {
    name: field.item
    for tables in reversed(DATASETS.values())
    for table in tables
    for name, field in table.fields
}
"""Our column -> what people call it; where datasets differ, as the one that is declared first has it."""
