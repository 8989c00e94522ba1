"""振込。

事業定義に[bank.account_check]があれば、先に銀行へ口座を照会する。支給が決まった人の振込を起案し、件数・金額・口座のハッシュを先に宣言する。起案者ではない二人が承認してから
全銀ファイルを作り、宣言と照合し、銀行に送って受領通知を待つ。

- **実行**: 申請(claims)が終わると、同じ業務日で始まる。
- **承認**: 異なる二人。画面には件数、金額、ハッシュだけを示す。同じ人が二度答えると止まるので、
  その承認タスクをクリアして、別の人が答える。
- **却下**: 台帳に記録し、その日の振込を取り消す。対象の人は次の起案を待つ。
- **やり直し**: 再試行しても同じ人に二度支払うことはない(台帳の一意制約)。
"""

from airflow.sdk import chain, dag
from kyufu_airflow.approvals import ask
from kyufu_airflow.programme import CLAIMS, PAYMENTS, about, after, programme
from kyufu_airflow.steps import step


@dag(schedule=after(CLAIMS), **about("payments", "振込", __doc__))
def payments() -> None:
    """Draft and declare, let two people decide, write the bank's file, send it."""
    checked = step("accounts.check", over_link=True)()
    drafted = step("payments.draft")()
    decided = ask(drafted, people=programme().people.money_approvals)
    chain(checked, drafted)
    chain(
        decided,
        step("payments.build")(),
        step("payments.send", over_link=True, outlets=[PAYMENTS])(),
    )


payments()
