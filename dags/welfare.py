"""福祉名簿。

施設入所者、措置、DV避難、視覚障害などの名簿を受け取り、対象者を特定して直ちに保護する。対象者の追加などは、
起案者ではない二人が承認してから反映する。

- **実行**: 業務日ごと。登録(register)のあとに実行する。終わると申請書(forms)が続く。
- **承認**: 二人。画面には件数とハッシュだけを示す。却下も台帳に記録され、反映は止まる。
- **止まるとき**: 空の名簿に零件の申告がない、様式が違う、届く期間の外である。
"""

from airflow.sdk import chain, dag
from kyufu_airflow.approvals import ask
from kyufu_airflow.programme import DAILY, WELFARE, about, programme
from kyufu_airflow.steps import step


@dag(schedule=DAILY, **about("welfare", "福祉名簿", __doc__))
def welfare() -> None:
    """Receive every list, protect its people, let two people decide the rest, apply it."""
    received = step(
        "welfare.receive_list", map_index_template="{{ task.op_kwargs['part'] }}"
    ).expand(part=step("welfare.look")())
    linked = step("welfare.link_people", trigger_rule="none_failed")()  # most days bring no list
    decided = ask(linked, people=programme().people.protection_approvals)
    chain(received, linked)
    chain(decided, step("welfare.apply_people", outlets=[WELFARE])())


welfare()
