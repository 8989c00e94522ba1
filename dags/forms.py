"""申請書。

まだ申請書のない人の申請書を作る。印刷事業者に渡すもの、区が自ら送るもの(保護されている人、点字の世帯)に分ける。
一人の承認のあとで送り、事業者の受領通知を待つ。

- **実行**: 福祉名簿(welfare)が終わると、同じ業務日で始まる。
- **承認**: 一人。画面には人数とハッシュだけを示す。
- **止まるとき**: 名簿が古い、該当者が未決定の行がある、申請書と台帳が一致しない、却下された。
- **期限**: 受領通知が期限([[party]] acknowledge_days)までに届かないと、Airflowが警告する。
  kyufu deliveries で確認する。
- **期間外**: 事業者に渡せない日は「拒否」として記録し、区が自ら送る分だけを作る。
"""

from airflow.sdk import chain, dag
from kyufu_airflow.approvals import ask
from kyufu_airflow.deadlines import until_acknowledged
from kyufu_airflow.programme import WELFARE, about, after, programme
from kyufu_airflow.steps import step


@dag(
    schedule=after(WELFARE),
    deadline=until_acknowledged("print_contractor"),
    **about("forms", "申請書", __doc__),
)
def forms() -> None:
    """Build the forms, let one person approve them, send them, wait for the receipt."""
    built = step("forms.build")()
    decided = ask(built, people=programme().people.forms_approvals)
    chain(
        decided,
        step("forms.release", over_link=True)(),
        step("forms.confirm", over_link=True)(),
    )


forms()
