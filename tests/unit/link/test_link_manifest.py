"""Manifests and acknowledgements: exact fields, exact types, deterministic bytes."""

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.link.errors import ManifestInvalid, NameNotAllowed
from pipelines.link.manifest import Acknowledgement, Manifest, check_name

MANIFEST = Manifest(
    name="payments_0001.txt",
    kind="payments",
    business_date=date(2020, 6, 1),
    records=2,
    sum_yen=200_000,
    sha256="a" * 64,
    sealed_sha256="b" * 64,
    sealed_bytes=3000,
    programme="shinjuku-2020",
    unpayable=False,
)
ANSWER = Acknowledgement("payments_0001.txt", "a" * 64, 2, 200_000, True, "")


def test_the_bytes_are_the_contracts() -> None:
    assert MANIFEST.to_bytes() == (
        b'{"business_date": "2020-06-01", "kind": "payments", "name": "payments_0001.txt", '
        b'"programme": "shinjuku-2020", "records": 2, "sealed_bytes": 3000, '
        b'"sealed_sha256": "' + b"b" * 64 + b'", "sha256": "' + b"a" * 64 + b'", '
        b'"sum_yen": 200000, "unpayable": false}'
    )


@given(
    st.integers(0, 10**6), st.one_of(st.none(), st.integers(0, 10**12)), st.dates(), st.booleans()
)
def test_what_is_written_is_read(
    records: int, sum_yen: int | None, day: date, unpayable: bool
) -> None:
    manifest = replace(
        MANIFEST, records=records, sum_yen=sum_yen, business_date=day, unpayable=unpayable
    )
    assert Manifest.from_bytes(manifest.to_bytes()) == manifest
    answer = replace(ANSWER, records=records, sum_yen=sum_yen, accepted=unpayable)
    assert Acknowledgement.from_bytes(answer.to_bytes()) == answer


@pytest.mark.parametrize("field", sorted(json.loads(MANIFEST.to_bytes())))
def test_a_missing_field_is_refused(field: str) -> None:
    value = json.loads(MANIFEST.to_bytes())
    del value[field]
    with pytest.raises(ManifestInvalid, match=field):
        Manifest.from_bytes(json.dumps(value).encode())


def test_the_head_of_the_audit_chain_is_there_whole_or_not_at_all() -> None:
    exported = replace(MANIFEST, audit_number=7, audit_hash="c" * 64)
    assert Manifest.from_bytes(exported.to_bytes()) == exported
    assert b"audit" not in MANIFEST.to_bytes()
    for field, wrong in (("audit_number", "7"), ("audit_hash", "c")):
        value = json.loads(exported.to_bytes())
        with pytest.raises(ManifestInvalid, match=field):
            Manifest.from_bytes(json.dumps(value | {field: wrong}).encode())
        del value[field]
        with pytest.raises(ManifestInvalid, match=field):
            Manifest.from_bytes(json.dumps(value).encode())


def test_an_unknown_field_is_refused() -> None:
    value = json.loads(MANIFEST.to_bytes()) | {"comment": ""}
    with pytest.raises(ManifestInvalid, match="comment"):
        Manifest.from_bytes(json.dumps(value).encode())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", 1),
        ("kind", None),
        ("business_date", "2020-6-1"),
        ("business_date", "20200601"),
        ("business_date", 20200601),
        ("records", "2"),
        ("records", -1),
        ("records", True),
        ("records", 2.0),
        ("sum_yen", "200000"),
        ("sum_yen", 1.5),
        ("sum_yen", -1),
        ("sealed_bytes", None),
        ("sha256", "A" * 64),
        ("sealed_sha256", "b" * 63),
        ("unpayable", 0),
        ("unpayable", "false"),
    ],
)
def test_a_field_of_another_type_is_refused(field: str, value: Any) -> None:
    changed = json.loads(MANIFEST.to_bytes()) | {field: value}
    with pytest.raises(ManifestInvalid, match=field):
        Manifest.from_bytes(json.dumps(changed).encode())


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"null", b"\xff", b'{"name": 1, "name": 2}', b"[" * 100_000]
)
def test_what_is_no_manifest_is_refused(content: bytes) -> None:
    with pytest.raises(ManifestInvalid):
        Manifest.from_bytes(content)
    with pytest.raises(ManifestInvalid):
        Acknowledgement.from_bytes(content)


def test_an_answer_that_is_no_yes_or_no_is_refused() -> None:
    value = json.loads(ANSWER.to_bytes()) | {"accepted": "yes"}
    with pytest.raises(ManifestInvalid, match="accepted"):
        Acknowledgement.from_bytes(json.dumps(value).encode())


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "a\\b",
        "a b",
        "a\n",
        "a..b",
        "x.p7m",
        "x.tmp",
        "x.ack",
        "氏名",
        "-x",
        "a" * 121,
    ],
)
def test_a_name_that_is_no_plain_file_name_is_refused(name: str) -> None:
    with pytest.raises(NameNotAllowed):
        check_name(name)


@pytest.mark.parametrize("name", ["payments_0001.txt", "day_20200601.json", "a", "a" * 120])
def test_plain_names_are_carried(name: str) -> None:
    assert check_name(name) == name
