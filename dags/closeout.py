"""締め。

申請のなかった人を期限の日に失効させ、委託先などに返還・消去を依頼し、保存期間の終わったものを職員2人の承認で消去して証明し、
どのデータがどこにいつまであるかを一覧にし、届いたものの報告を書き、全員と金額の収支を確かめる。

- **実行**: 振込結果(results)が終わると、同じ業務日で始まる。
- **承認**: 消去の対象があるときだけ、異なる二人。画面には件数と計画のハッシュだけを示す。
- **止まるとき**: 一人でも、一円でも合わない。監査記録の連鎖が切れている。
- **結果**: 日報 `reports/days/業務日.html`
  そのほか 消去報告書 `erasure/番号/certificate.pdf`、`reports/holdings-業務日.json`、
  受入報告 `reports/index.html`、全体の検査 `reports/data_docs/`
"""

from airflow.sdk import chain, dag
from kyufu_airflow.approvals import ask
from kyufu_airflow.programme import RESULTS, about, after, programme
from kyufu_airflow.steps import step


@dag(schedule=after(RESULTS), **about("closeout", "締め", __doc__))
def closeout() -> None:
    """Let entitlements lapse, list what is held, write the reports, prove the balance, judge what arrived."""
    planned = step("closeout.plan_erasure", may_be_idle=True)()
    chain(
        step("closeout.lapse")(),
        step("closeout.ask_parties", over_link=True)(),
        planned,
    )
    chain(
        ask(planned, people=programme().people.erasure_approvals),
        step("closeout.erase")(),
        step("closeout.list_holdings", trigger_rule="none_failed")(),
        step("reports.write", task_id="write_reports")(),
        step("closeout.balance")(),
        step("reports.profile", task_id="profile_arrivals")(),
    )


closeout()
