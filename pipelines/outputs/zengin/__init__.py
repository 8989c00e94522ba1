"""The bank's file (総合振込, Zengin format): written, read back, and the bank's answer to it."""

from pipelines.outputs.zengin.account_check import (
    CONFIRMED,
    CheckProfile,
    Query,
    read_answers,
    read_queries,
    write_queries,
)
from pipelines.outputs.zengin.characters import BankKana, bank_name_kana
from pipelines.outputs.zengin.fields import ZenginError
from pipelines.outputs.zengin.file import File, account_hash, mmdd, read, split, write
from pipelines.outputs.zengin.records import Header, Payment, Profile, Trailer
from pipelines.outputs.zengin.results import Outcome, Results, ReturnProfile, read_results

__all__ = [
    "CONFIRMED",
    "BankKana",
    "CheckProfile",
    "File",
    "Header",
    "Outcome",
    "Payment",
    "Profile",
    "Query",
    "Results",
    "ReturnProfile",
    "Trailer",
    "ZenginError",
    "account_hash",
    "bank_name_kana",
    "mmdd",
    "read",
    "read_answers",
    "read_queries",
    "read_results",
    "split",
    "write",
    "write_queries",
]
