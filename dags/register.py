"""住民基本台帳。

基準日の抽出を受け取り、管理票と照合して確定する(一度だけ)。その後は異動(死亡、出生、転出入)を毎日取り込む。

- **実行**: 業務日ごと(パーティションキー = 業務日 `YYYY-MM-DD`)。
  やり直しは `airflow backfill create --dag-id register`。
- **止まるとき**: 抽出や管理票がない、件数やSHA-256が合わない、保留行がある。台帳は確定しません。
- **やり直し**: 何度実行しても同じです。確定した台帳は書き換えません。
"""

from airflow.sdk import chain, dag
from kyufu_airflow.programme import DAILY, about
from kyufu_airflow.steps import step


@dag(schedule=DAILY, **about("register", "住民基本台帳", __doc__))
def register() -> None:
    """Receive the extract and the changes, freeze the snapshot, apply the changes."""
    chain(
        [step("register.receive_register")(), step("register.receive_changes")()],
        step("register.freeze_snapshot")(),
        step("register.apply_changes")(),
    )


register()
