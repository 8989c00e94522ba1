"""申請。

三つの経路(オンライン、郵送、区の窓口)の申請を受け取り、台帳、保護、これまでの申請と照合して、一人ずつ支給・保留・不支給を決める。

- **実行**: 業務日ごと。申請書(forms)のあとに実行する。終わると振込(payments)が続く。
- **保留**: 争いのある人だけを止め、ほかの人は支給する。
- **止まるとき**: 名簿が古い、保留の割合が異常に高い、照合の自己検査が合わない。
- **期間外**: その経路の申請は読まず、「拒否」として記録する。
"""

from airflow.sdk import chain, dag
from kyufu_airflow.programme import CLAIMS, DAILY, about, channels
from kyufu_airflow.steps import step


@dag(schedule=DAILY, **about("claims", "申請", __doc__))
def claims() -> None:
    """Receive the claims of every channel, match them, decide every person on them."""
    received = step(
        "claims.receive", over_link=True, map_index_template="{{ task.op_kwargs['part'] }}"
    )
    chain(
        received.expand(part=channels()),
        step("claims.match_and_decide", outlets=[CLAIMS])(),
    )


claims()
