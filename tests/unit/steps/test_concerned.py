"""Whom a file was about is kept as digests: exact, the same bytes for the same people, nothing without the key."""

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from pipelines.steps import concerned
from pipelines.steps.pseudonyms import KEY, digests, has_key


def _ward(home):
    return SimpleNamespace(home=home, programme=SimpleNamespace(id="test-2020"))


PEOPLE = st.sets(st.integers(0, 400).map(lambda n: f"R{n:010d}"), max_size=40)


@given(kept=PEOPLE, asked=PEOPLE)
def test_it_is_about_exactly_whom_it_was_kept_for(tmp_path_factory, kept, asked):
    c = _ward(tmp_path_factory.getbasetemp() / "concerned")
    first = concerned.keep(c, "f.csv", kept)
    assert concerned.keep(c, "f.csv", sorted(kept, reverse=True)) == first
    assert {p for p in kept | asked if concerned.is_about(c, "f.csv", p)} == kept


def test_a_digest_that_lies_across_two_others_is_nobody(tmp_path, monkeypatch):
    c = _ward(tmp_path)
    people = {f"R{n:010d}" for n in range(3)}
    concerned.keep(c, "f.csv", people)
    path = tmp_path / concerned.FOLDER / "f.csv"
    across = path.read_bytes()[8:24]
    monkeypatch.setattr(concerned, "digests", lambda *_: iter([across + b"\0" * 16]))
    assert concerned.is_about(c, "f.csv", "anybody") is False


def test_what_is_kept_names_nobody_and_without_the_key_nobody_is_found(tmp_path):
    c, person = _ward(tmp_path), "R0000000001"
    concerned.keep(c, "f.csv", [person])
    data = (tmp_path / concerned.FOLDER / "f.csv").read_bytes()
    assert len(data) == 16
    assert person.encode() not in data
    assert has_key(c)
    (tmp_path / KEY).unlink()
    assert not has_key(c)
    assert concerned.is_about(c, "f.csv", person) is False
    assert concerned.is_about(c, "other.csv", person) is None


def test_pseudonyms_are_the_digests(tmp_path):
    from pipelines.steps.pseudonyms import pseudonym

    c = _ward(tmp_path)
    (digest,) = digests(c, ["R0000000001"])
    assert pseudonym(c, "R0000000001") == f"person:{digest.hex()}"
