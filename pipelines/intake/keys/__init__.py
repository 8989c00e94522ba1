"""Match keys: what two records must share to be about the same person or place.

Staging makes them once, beside the stored text, which is never changed (FORMATS.md section 4).
Every function takes a pyarrow string array (or chunked array) and gives a string array of the same
length. **A null key means "unknown"**: a missing, empty or unreadable value becomes null and never
an empty string, so that no join ever matches two unknowns.
"""

from pipelines.intake.keys.addresses import address_key
from pipelines.intake.keys.dates import date_key
from pipelines.intake.keys.names import alias_key, kana_key, loose_kana_key, name_key

__all__ = ["address_key", "alias_key", "date_key", "kana_key", "loose_kana_key", "name_key"]
