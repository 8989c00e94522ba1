"""決定通知と振込結果。

支給決定通知を作って送る。続けて銀行の受領通知と振込結果を受け取り、支給済みか組戻しかを台帳に記録する。
最後に、施設に入所している人について、他の自治体への通知(紙・書留)を起案する。

- **実行**: 振込(payments)が終わると、同じ業務日で始まる。
- **止まるとき**: 結果が届かない、送った振込と一致しない。
- **期限**: 振込や通知の受領通知が期限([[party]] acknowledge_days)までに届かないと、
  Airflowが警告する。kyufu deliveries で確認する。
- **他の自治体への通知**: kyufu letters list / show / check / posted で、宛先と内容を二人ずつ確認して発送する。
- **期間外**: 事業者に渡せない通知は「拒否」として記録し、区が自ら送る。
"""

from airflow.sdk import chain, dag
from kyufu_airflow.deadlines import until_acknowledged
from kyufu_airflow.programme import PAYMENTS, RESULTS, about, after
from kyufu_airflow.steps import step


@dag(
    schedule=after(PAYMENTS),
    deadline=until_acknowledged("bank", "print_contractor"),
    **about("results", "振込結果", __doc__),
)
def results() -> None:
    """Send the decision notices while the bank works, take its results in, draft the letters."""
    chain(
        step("results.send_notices", over_link=True)(),
        step("results.settle", over_link=True)(),
        step("results.draft_letters", outlets=[RESULTS])(),
    )


results()
