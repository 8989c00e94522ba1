"""The claim rules of `sql/matching/claims` once more, in vectorised pandas: what one would write without an engine.

It gives the same decisions, reasons, findings and outcomes over the same relations. It leaves out what surrounds the
rules: the self-test over planted claims, the checks of the inputs, a memory limit and spilling to disk.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pyarrow as pa

Found = Mapping[str, set[tuple[str, ...]]]
_KEYS = ["claim_id", "line"]
# of a claim without numbers: its own key, the person's, the tier where the address agrees too
_FAR = (
    ("name_key", "name_key", 1),
    ("name_key", "alias_key", 1),
    ("loose_kana_key", "loose_kana_key", 3),
)
_WAITING = ("held", "claimed", "declined")
_PAID = ("approved", "in_payment", "unknown", "paid")


def match(relations: Mapping[str, pa.Table], rule: pa.Table, deadline: str) -> Found:
    """Decisions (person, claim, state), reasons (person, code), findings (claim, line, code), outcomes (claim, one)."""
    claim, member, person, newcomer, earlier = (
        relations[n].to_pandas() for n in ("claim", "member", "person", "newcomer", "earlier_claim")
    )
    claimant = _claimants(claim, person)
    naming = _naming(claim, claimant, earlier, person)
    candidate = _candidates(person, earlier, naming)
    current = _current(claim, naming)
    applicant = claimant[claimant.claim_id.isin(current.claim_id)].copy()
    applicant["is_own_claim"] = applicant.channel.eq("inhouse") & applicant.protected
    known = applicant[applicant.person_id.notna()]
    line = _lines(member, known, candidate)
    line_finding = _line_findings(line, known, candidate, newcomer)
    touch = _touches(line, line_finding, current)
    of_claim = _claim_findings(
        current, applicant, candidate, touch, _shared_accounts(current, applicant, earlier),
        _shared_certificates(current, applicant, earlier), naming, deadline,
    )  # fmt: skip
    of_person = _person_findings(touch, of_claim, known, candidate)
    decision, reason = _decide(touch, of_person, rule.to_pandas())
    outcome = _outcomes(claim, applicant, naming, touch, decision, line_finding)
    omitted = _omitted(touch, known, candidate, line)
    notes = of_person[of_person.code.isin(["DUPLICATE_CLAIM", "MEMBER_NOT_WANTED"])]
    findings = pd.concat(
        [of_claim.assign(line=""), line_finding[[*_KEYS, "code"]], notes[[*_KEYS, "code"]], omitted]
    )
    return {
        "decision": _set(decision, ["person_id", "claim_id", "state"]),
        "reason": _set(reason, ["person_id", "code"]),
        "finding": _set(findings, ["claim_id", "line", "code"]),
        "outcome": _set(outcome, ["claim_id", "outcome"]),
    }


def _set(rows: pd.DataFrame, columns: list[str]) -> set[tuple[str, ...]]:
    return set(zip(*(rows[name].tolist() for name in columns), strict=True))


def _join(left: pd.DataFrame, right: pd.DataFrame, pairs: dict[str, str]) -> pd.DataFrame:
    """An inner join on left column -> right column, in which nothing that is missing meets; the right's names win."""
    mine, theirs = left.dropna(subset=list(pairs)), right.dropna(subset=list(pairs.values()))
    return mine.merge(
        theirs, left_on=list(pairs), right_on=list(pairs.values()), suffixes=("_l", "")
    )


def _one(found: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Of candidates the only one at the strongest tier."""
    best = found[found.tier.eq(found.groupby(keys).tier.transform("min"))]
    best = best.drop_duplicates([*keys, "person_id"])
    return best[best.groupby(keys).person_id.transform("size").eq(1)]


def _claimants(claim: pd.DataFrame, person: pd.DataFrame) -> pd.DataFrame:
    people = person.drop(columns=["claim_id", "state", "family_key", "given_key"])
    wanted = ["claim_id", "person_id", "tier"]
    numbered = claim[claim.applicant_resident_id.notna()]
    found = [_join(numbered, people, {"applicant_resident_id": "resident_id"}).assign(tier=1)]
    rest = claim[claim.applicant_resident_id.isna()]
    near = _join(rest, people, {"household_id": "household_id"})
    same_birth = near.date_key.eq(near.date_key_l)
    named, loose = near.name_key.eq(near.name_key_l), near.loose_kana_key.eq(near.loose_kana_key_l)
    near["tier"] = np.select(
        [
            named & same_birth, near.kana_key.eq(near.kana_key_l) & same_birth,
            near.alias_key.eq(near.name_key_l) | named, loose, same_birth,
        ],
        [1, 2, 3, 4, 5], 0,
    )  # fmt: skip
    found.append(near[near.tier > 0])
    rest = rest[rest.household_id.isna()]
    for own, key, tier in _FAR:
        far = _join(rest, people, {own: key, "date_key": "date_key"})
        far = far[far.channel.eq("online") | far.household_id.isna()]
        found.append(far.assign(tier=np.where(far.address_key.eq(far.address_key_l), tier, tier + 1)))  # fmt: skip
    chosen = _one(pd.concat([f[wanted] for f in found]), ["claim_id"])[["claim_id", "person_id"]]
    columns = ["person_id", "household_id", "is_head", "protected", "loose_kana_key"]
    all_claims = claim[["claim_id", "channel"]].merge(chosen, on="claim_id", how="left")
    made = all_claims.merge(person[columns], on="person_id", how="left")
    return made.assign(
        **{
            n: made[n].astype("boolean").fillna(False).astype(bool)
            for n in ("is_head", "protected")
        }
    )


def _naming(claim, claimant, earlier, person) -> pd.DataFrame:  # type: ignore[no-untyped-def]
    columns = ["claim_id", "applicant_id", "household_id"]
    today = claimant.rename(columns={"person_id": "applicant_id"})[columns]
    named = pd.concat([earlier[columns], today]).rename(
        columns={"claim_id": "named_id", "household_id": "named_household"}
    )
    naming = claim[
        claim.claim_kind.isin(["correction", "withdrawal"]) & claim.supersedes_id.notna()
    ]
    naming = naming[["claim_id", "claim_kind", "supersedes_id"]].rename(
        columns={"supersedes_id": "named_id"}
    )
    naming = naming.merge(
        claimant[["claim_id", "person_id", "household_id", "protected"]], on="claim_id"
    )
    naming = naming.merge(named, on="named_id", how="left")
    secret = naming.protected | naming.applicant_id.isin(person.person_id[person.protected])
    naming["is_own"] = np.select(
        [naming.applicant_id.isna(), naming.person_id.isna(), naming.person_id.eq(naming.applicant_id), secret],
        [True, False, True, False],
        naming.household_id.eq(naming.named_household),
    )  # fmt: skip
    return naming


def _candidates(person: pd.DataFrame, earlier: pd.DataFrame, naming: pd.DataFrame) -> pd.DataFrame:
    own = naming[naming.is_own]
    corrected = own.named_id[own.claim_kind.eq("correction")]
    fallen = earlier[
        earlier.claim_id.isin(own.named_id) | earlier.supplements_id.isin(own.named_id.dropna())
    ]
    redone = fallen[
        fallen.claim_id.isin(corrected) | fallen.supplements_id.isin(corrected.dropna())
    ]
    forgiven = person.claim_id.isin(fallen.claim_id) & person.state.isin(_WAITING)
    forgiven |= person.claim_id.isin(redone.claim_id) & person.state.eq("returned")
    return person.drop(columns="claim_id").assign(
        state=person.state.mask(forgiven, "unclaimed"), ledger_state=person.state
    )


def _current(claim: pd.DataFrame, naming: pd.DataFrame) -> pd.DataFrame:
    named = naming.named_id[naming.is_own]
    return claim[claim.claim_kind.ne("withdrawal") & ~claim.claim_id.isin(named)]


def _lines(member: pd.DataFrame, known: pd.DataFrame, candidate: pd.DataFrame) -> pd.DataFrame:
    line = member.merge(known[["claim_id", "household_id", "is_own_claim"]], on="claim_id")
    columns = [
        "person_id", "household_id", "name_key", "alias_key", "family_key", "given_key", "date_key", "protected",
    ]  # fmt: skip
    people = candidate[columns]
    near = _join(line, people, {"household_id": "household_id"})
    birth = near.date_key.eq(near.date_key_l)
    exact = (near.name_key.eq(near.name_key_l) | near.alias_key.eq(near.name_key_l)).to_numpy()
    near["tier"] = np.select([exact & birth, exact], [1, 2], 0)
    half = near[near.tier.eq(0) & birth & near.name_key_l.notna()]
    half = half[
        [
            (isinstance(f, str) and name.startswith(f)) or (isinstance(g, str) and name.endswith(g))
            for name, f, g in zip(half.name_key_l, half.family_key, half.given_key, strict=True)
        ]
    ]
    near.loc[half.index, "tier"] = 3
    far = _join(
        line.rename(columns={"household_id": "own_household"}),
        people,
        {"name_key": "name_key", "date_key": "date_key"},
    )
    far = far[far.own_household.isna() | far.own_household.ne(far.household_id)]
    far = far.assign(tier=np.where(far.is_own_claim & far.protected, 2, 4))
    wanted = [*_KEYS, "person_id", "tier"]
    chosen = _one(pd.concat([near[near.tier > 0][wanted], far[wanted]]), _KEYS)
    line = line.merge(chosen, on=_KEYS, how="left")
    first = line.groupby(["claim_id", "person_id"]).line.transform("min")
    return line.assign(person_id=line.person_id.where(line.line.eq(first)))


def _line_findings(line, known, candidate, newcomer) -> pd.DataFrame:  # type: ignore[no-untyped-def]
    found = line.merge(candidate[["person_id", "protected", "state"]], on="person_id", how="left")
    late = newcomer.drop_duplicates().assign(is_newcomer=True)
    found = found.merge(late, on=["household_id", "date_key"], how="left")
    newborn = found.is_newcomer.eq(True) & found.household_id.notna() & found.date_key.notna()
    nobody = found.person_id.isna()
    secret = found.protected.eq(True) & ~found.is_own_claim
    state = found.state
    found["code"] = np.select(
        [
            nobody & newborn, nobody, found.tier.eq(4), secret, state.isin(["elsewhere", "elsewhere_pending"]),
            state.eq("ineligible"), state.isin(_PAID), state.isin([*_WAITING, "returned"]), state.eq("lapsed"),
        ],
        [
            "NOT_ELIGIBLE", "MEMBER_NOT_FOUND", "MEMBER_NOT_IN_HOUSEHOLD", "MEMBER_PROTECTED",
            "MEMBER_PAID_ELSEWHERE", "NOT_ELIGIBLE", "MEMBER_PAID", "DUPLICATE_CLAIM", "LATE",
        ],
        "",
    )  # fmt: skip
    return found[found.code.ne("")]


def _touches(line: pd.DataFrame, line_finding: pd.DataFrame, current: pd.DataFrame) -> pd.DataFrame:
    free = line.merge(line_finding[_KEYS].assign(stopped=True), on=_KEYS, how="left")
    free = free[free.stopped.isna()].merge(
        current[["claim_id", "arrival", "account_key"]], on="claim_id"
    )
    free["account_key"] = free.account_key.fillna("")
    free = free.sort_values(["person_id", "arrival", "claim_id"])
    people = free.groupby("person_id")
    repeated = free[people.claim_id.transform("size").gt(1)]
    accounts = repeated.groupby("person_id").account_key.nunique()
    return free.assign(
        is_disputed=free.person_id.isin(accounts.index[accounts.gt(1)]), place=people.cumcount() + 1
    )


def _shared_accounts(current, applicant, earlier) -> pd.Series:  # type: ignore[no-untyped-def]
    today = current[["claim_id", "account_key", "proxy_kind"]].merge(
        applicant[["claim_id", "person_id", "household_id"]], on="claim_id"
    )
    before = earlier[~earlier.outcome.isin(["superseded", "withdrawn"])].rename(
        columns={"applicant_id": "person_id"}
    )
    columns = ["account_key", "person_id", "household_id", "proxy_kind"]
    used = pd.concat([today[columns], before[columns]]).dropna(subset=["account_key", "person_id"])
    used = used[~used.proxy_kind.isin(["legal", "facility"])]
    used = used.assign(household=used.household_id.fillna(used.person_id))
    users = used.drop_duplicates(["account_key", "household"]).account_key.value_counts()
    mine = ~current.proxy_kind.isin(["legal", "facility"])
    return current.claim_id[mine & current.account_key.isin(users.index[users.gt(1)])]


def _shared_certificates(current, applicant, earlier) -> pd.Series:  # type: ignore[no-untyped-def]
    today = current[["claim_id", "certificate_serial"]].merge(
        applicant[["claim_id", "person_id"]], on="claim_id"
    )
    before = earlier.rename(columns={"applicant_id": "person_id"})
    columns = ["certificate_serial", "person_id"]
    used = pd.concat([today[columns], before[columns]]).dropna().drop_duplicates()
    users = used.certificate_serial.value_counts()
    return current.claim_id[current.certificate_serial.isin(users.index[users.gt(1)])]


def _claim_findings(  # type: ignore[no-untyped-def]
    current, applicant, candidate, touch, accounts, certificates, naming, deadline
) -> pd.DataFrame:
    fact = current.drop(columns=["household_id", "loose_kana_key"]).merge(
        applicant.drop(columns="channel"), on="claim_id"
    )
    heads = candidate[candidate.is_head & candidate.household_id.notna()]
    head_died = fact.household_id.isin(heads.household_id[heads.died])
    head_protected = fact.household_id.isin(heads.household_id[heads.protected])
    of_household = fact[fact.proxy_kind.eq("household")]
    proxies = _join(
        of_household[["claim_id", "household_id", "proxy_key"]],
        candidate[["household_id", "loose_kana_key"]],
        {"household_id": "household_id", "proxy_key": "loose_kana_key"},
    ).claim_id
    own = applicant.claim_id[applicant.is_own_claim & ~applicant.is_head]
    plain = candidate.person_id[~candidate.protected]
    for_others = touch.claim_id[touch.claim_id.isin(own) & touch.person_id.isin(plain)]
    only_own = fact.claim_id.isin(own) & ~fact.claim_id.isin(for_others)
    known = fact.person_id.notna()
    by_proxy = fact.proxy_kind.ne("") & fact.proxy_key.notna() & fact.holder_key.eq(fact.proxy_key)
    differs = ~fact.account_fault & fact.loose_kana_key.notna() & ~by_proxy
    differs &= fact.holder_key.fillna("").ne(fact.loose_kana_key)
    own_claims = fact[fact.is_own_claim & fact.holder_key.ne(fact.loose_kana_key)]
    member_holders = _join(
        own_claims[["claim_id", "household_id", "holder_key"]],
        candidate.loc[~candidate.protected, ["household_id", "loose_kana_key"]],
        {"household_id": "household_id", "holder_key": "loose_kana_key"},
    ).claim_id
    differs |= ~fact.account_fault & fact.claim_id.isin(member_holders)
    household_proxy, member_proxy = fact.proxy_kind.eq("household"), fact.claim_id.isin(proxies)
    holds = {
        "HEAD_NOT_FOUND": ~known, "HEAD_DIED": head_died & ~only_own,
        "NOT_HEAD": known & ~fact.is_head & ~only_own & ~head_died,
        "HEAD_PROTECTED": head_protected & fact.channel.ne("inhouse"),
        "SAME_CERTIFICATE": fact.claim_id.isin(certificates), "ACCOUNT_SHARED": fact.claim_id.isin(accounts),
        "ACCOUNT_NOT_CLAIMANT": differs, "ACCOUNT_INVALID": fact.account_fault,
        "YUCHO_CONVERTED": fact.yucho_converted, "LATE": fact.effective_on.gt(deadline),
        "PROXY": fact.proxy_kind.isin(["legal", "facility"]) | (household_proxy & member_proxy),
        "PROXY_NOT_MEMBER": household_proxy & ~member_proxy, "DEFICIENT": fact.deficient,
    }  # fmt: skip
    refused = naming[
        ~naming.is_own.astype(bool)
        & (naming.claim_kind.eq("withdrawal") | naming.claim_id.isin(fact.claim_id))
    ]
    found = [
        fact.loc[where.to_numpy(), ["claim_id"]].assign(code=code) for code, where in holds.items()
    ]
    return pd.concat([*found, refused[["claim_id"]].assign(code="NOT_OWN_CLAIM")])


def _person_findings(touch, of_claim, known, candidate) -> pd.DataFrame:  # type: ignore[no-untyped-def]
    columns = [*_KEYS, "person_id"]
    whole = touch[columns].merge(of_claim, on="claim_id")
    own = known.claim_id[known.is_own_claim & ~known.is_head]
    secret = candidate.person_id[candidate.protected]
    spared = whole.code.isin(["NOT_HEAD", "HEAD_DIED"]) & whole.claim_id.isin(own)
    whole = whole[~(spared & whole.person_id.isin(secret))]
    dispute = touch[touch.is_disputed | touch.place.gt(1)][columns].assign(code="DUPLICATE_CLAIM")
    declined = touch[touch.not_wanted][columns].assign(code="MEMBER_NOT_WANTED")
    return pd.concat([whole, dispute, declined]).drop_duplicates()


def _decide(touch, of_person, rule) -> tuple[pd.DataFrame, pd.DataFrame]:  # type: ignore[no-untyped-def]
    counting = touch[touch.place.eq(1) | touch.is_disputed]
    acting = of_person.merge(rule[rule.severity.ne("note")], on="code")
    pairs = pd.MultiIndex.from_frame(counting[["claim_id", "person_id"]])

    def has(effect: str) -> np.ndarray:
        with_effect = acting[acting.effect.eq(effect)]
        return pairs.isin(pd.MultiIndex.from_frame(with_effect[["claim_id", "person_id"]]))

    weight = np.select([counting.not_wanted, has("hold"), has("wait")], [1, 3, 2], 0)
    counting = counting.assign(weight=weight)
    people = counting.groupby("person_id")
    first = counting[counting.place.eq(people.place.transform("min"))].copy()
    worst = people.weight.max()
    names = np.array(["approved", "declined", "claimed", "held"])
    first["state"] = names[worst.reindex(first.person_id).to_numpy()]
    why = counting[["claim_id", "person_id"]].merge(of_person, on=["claim_id", "person_id"])
    why = why.merge(rule, on="code").merge(first[["person_id", "state"]], on="person_id")
    counts = why.severity.ne("note")
    is_reason = (
        (why.state.eq("held") & why.effect.eq("hold") & counts)
        | (why.state.eq("claimed") & why.effect.eq("wait") & counts)
        | (why.state.eq("declined") & why.code.eq("MEMBER_NOT_WANTED"))
    )
    return first, why[is_reason]


def _outcomes(claim, applicant, naming, touch, decision, line_finding) -> pd.DataFrame:  # type: ignore[no-untyped-def]
    fate = touch.merge(
        decision[["person_id", "claim_id", "state"]], on="person_id", suffixes=("", "_decided")
    )
    moved = fate.claim_id.ne(fate.claim_id_decided) & ~fate.is_disputed
    states = [fate.state.eq(s) for s in ("held", "claimed", "approved")]
    fate["weight"] = np.select([moved, *states], [5, 1, 2, 3], 4)
    weight = fate.groupby("claim_id").weight.min().reindex(claim.claim_id).to_numpy()
    taken = naming[naming.claim_kind.eq("withdrawal")]
    is_own = taken.is_own.astype(bool)
    again = line_finding.claim_id[line_finding.code.isin(["DUPLICATE_CLAIM", "MEMBER_PAID"])]
    known = applicant.claim_id[applicant.person_id.notna()]
    outcome = np.select(
        [
            claim.claim_id.isin(taken.named_id[is_own]), claim.claim_id.isin(taken.claim_id[~is_own]),
            claim.claim_kind.eq("withdrawal"), ~claim.claim_id.isin(applicant.claim_id), ~claim.claim_id.isin(known),
            weight == 1, weight == 2, weight == 3, weight == 4, (weight == 5) | claim.claim_id.isin(again),
        ],
        [
            "withdrawn", "unresolved", "withdrawn", "superseded", "unresolved", "held", "deficient", "paid",
            "no_effect", "duplicate",
        ],
        "no_effect",
    )  # fmt: skip
    return claim[["claim_id"]].assign(outcome=outcome)


def _omitted(touch, known, candidate, line) -> pd.DataFrame:  # type: ignore[no-untyped-def]
    speaking = known[
        known.is_head & ~known.is_own_claim & known.claim_id.isin(touch.claim_id)
    ].dropna(subset=["household_id"])
    free = candidate[candidate.state.eq("unclaimed") & ~candidate.protected]
    members = speaking[["claim_id", "household_id"]].merge(
        free[["person_id", "household_id"]], on="household_id"
    )
    named = line[["claim_id", "person_id"]].dropna().assign(named=True)
    left_out = members.merge(named, on=["claim_id", "person_id"], how="left")
    left_out = left_out[left_out.named.isna()]
    return left_out.assign(line=left_out.person_id, code="MEMBER_OMITTED")[[*_KEYS, "code"]]
