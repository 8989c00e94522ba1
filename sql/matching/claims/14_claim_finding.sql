-- What stands against a whole claim, or is worth a note.
with

household as (
    select
        household_id,
        max(case when is_head and died then 1 else 0 end) as head_died,
        max(case when is_head and protected then 1 else 0 end) as head_protected
    from candidate
    where household_id is not null
    group by household_id
),

proxy_member as (
    select distinct current_claim.claim_id
    from current_claim
    inner join applicant on current_claim.claim_id = applicant.claim_id
    inner join candidate
        on
            applicant.household_id = candidate.household_id
            and current_claim.proxy_key = candidate.loose_kana_key
    where current_claim.proxy_kind = 'household'
),

-- A protected person's own claim never pays a member of the household who is not protected, proxy or not.
member_holder as (
    select distinct current_claim.claim_id
    from current_claim
    inner join applicant on current_claim.claim_id = applicant.claim_id
    inner join candidate
        on
            applicant.household_id = candidate.household_id
            and current_claim.holder_key = candidate.loose_kana_key
    where
        applicant.is_own_claim
        and not candidate.protected
        and current_claim.holder_key <> coalesce(applicant.loose_kana_key, '')
),

-- A protected member's own claim that also names others speaks for the household, which only its head may do.
for_others as (
    select distinct touch.claim_id
    from touch
    inner join applicant on touch.claim_id = applicant.claim_id
    inner join candidate on touch.person_id = candidate.person_id
    where applicant.is_own_claim and not applicant.is_head and not candidate.protected
),

fact as (
    select
        current_claim.claim_id,
        current_claim.channel,
        current_claim.effective_on,
        current_claim.proxy_kind,
        current_claim.account_fault,
        current_claim.yucho_converted,
        current_claim.deficient,
        applicant.person_id,
        applicant.is_head,
        applicant.is_own_claim and not applicant.is_head and for_others.claim_id is null as is_only_own,
        coalesce(household.head_died, 0) = 1 as head_died,
        coalesce(household.head_protected, 0) = 1 as head_protected,
        proxy_member.claim_id is not null as proxy_is_member,
        shared_account.claim_id is not null as account_shared,
        shared_certificate.claim_id is not null as certificate_shared,
        not current_claim.account_fault
        and (
            member_holder.claim_id is not null
            or (
                applicant.loose_kana_key is not null
                and coalesce(current_claim.holder_key, '') <> applicant.loose_kana_key
                and not (
                    current_claim.proxy_kind <> ''
                    and current_claim.proxy_key is not null
                    and current_claim.holder_key = current_claim.proxy_key
                )
            )
        ) as holder_differs
    from current_claim
    inner join applicant on current_claim.claim_id = applicant.claim_id
    left join household on applicant.household_id = household.household_id
    left join proxy_member on current_claim.claim_id = proxy_member.claim_id
    left join member_holder on current_claim.claim_id = member_holder.claim_id
    left join for_others on current_claim.claim_id = for_others.claim_id
    left join shared_account on current_claim.claim_id = shared_account.claim_id
    left join shared_certificate on current_claim.claim_id = shared_certificate.claim_id
)

select claim_id, 'HEAD_NOT_FOUND' as code from fact where person_id is null
union all
select naming.claim_id, 'NOT_OWN_CLAIM' as code
from naming
left join applicant on naming.claim_id = applicant.claim_id
where not naming.is_own and (naming.claim_kind = 'withdrawal' or applicant.claim_id is not null)
union all
select claim_id, 'HEAD_DIED' as code from fact where head_died and not is_only_own
union all
select claim_id, 'NOT_HEAD' as code from fact
where person_id is not null and not is_head and not is_only_own and not head_died
union all
select claim_id, 'HEAD_PROTECTED' as code from fact where head_protected and channel <> 'inhouse'
union all
select claim_id, 'SAME_CERTIFICATE' as code from fact where certificate_shared
union all
select claim_id, 'ACCOUNT_SHARED' as code from fact where account_shared
union all
select claim_id, 'ACCOUNT_NOT_CLAIMANT' as code from fact where holder_differs
union all
select claim_id, 'ACCOUNT_INVALID' as code from fact where account_fault
union all
select claim_id, 'YUCHO_CONVERTED' as code from fact where yucho_converted
union all
select fact.claim_id, 'LATE' as code from fact cross join setting where fact.effective_on > setting.deadline
union all
select claim_id, 'PROXY' as code from fact where proxy_kind in ('legal', 'facility')
union all
select claim_id, 'PROXY' as code from fact where proxy_kind = 'household' and proxy_is_member
union all
select claim_id, 'PROXY_NOT_MEMBER' as code from fact where proxy_kind = 'household' and not proxy_is_member
union all
select claim_id, 'DEFICIENT' as code from fact where deficient
