"""Recompute the audit chain of this pack with Python alone: ``python3 check_chain.py`` in the pack's folder."""

import hashlib
import json
import sys
from pathlib import Path

FIELDS = ("number", "programme", "event", "actor", "subject", "detail", "business_date", "previous")


def main() -> int:
    """0 if every record follows the one before it and the last one is the signed head."""
    here = Path(__file__).parent
    number, previous = 0, "0" * 64
    for line in (here / "audit.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        number += 1
        digest = hashlib.sha256()
        for name in FIELDS:
            field = str(row[name]).encode()
            digest.update(len(field).to_bytes(8, "big") + field)
        if (row["number"], row["previous"], row["hash"]) != (number, previous, digest.hexdigest()):
            sys.stdout.write(f"監査記録{number}番で鎖が切れています (the chain is broken here)\n")
            return 1
        previous = row["hash"]
    head = json.loads((here / "about.json").read_text(encoding="utf-8"))["audit_head"]
    if [number, previous] != [head["number"], head["hash"]]:
        sys.stdout.write("監査記録の最後が署名されたものと違います (not the signed head)\n")
        return 1
    sys.stdout.write(f"監査記録{number}件の鎖は切れていません (the chain is whole)\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
