"""締め。

申請のなかった人を期限の日に失効させ、どのデータがどこにいつまであるかを一覧にし、届いたものの報告を書き、全員と金額の収支を確かめる。

- **実行**: 振込結果(results)が終わると、同じ業務日で始まる。
- **止まるとき**: 一人でも、一円でも合わない。監査記録の連鎖が切れている。
- **結果**: 日報 `reports/days/業務日.html`
  そのほか `reports/holdings-業務日.json`、受入報告 `reports/index.html`、全体の検査 `reports/data_docs/`
"""

from airflow.sdk import chain, dag
from kyufu_airflow.programme import RESULTS, about, after
from kyufu_airflow.steps import step


@dag(schedule=after(RESULTS), **about("closeout", "締め", __doc__))
def closeout() -> None:
    """Let entitlements lapse, list what is held, write the reports, prove the balance, judge what arrived."""
    chain(
        step("closeout.lapse")(),
        step("closeout.list_holdings")(),
        step("reports.write", task_id="write_reports")(),
        step("closeout.balance")(),
        step("reports.profile", task_id="profile_arrivals")(),
    )


closeout()
