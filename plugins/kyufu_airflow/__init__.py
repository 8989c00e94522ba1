"""The glue between Airflow and Kyufu: the link's hook, the campaign's steps as tasks, people's approvals as tasks.

Nothing here imports a step, pandas, pyarrow or duckdb when it is imported; the tasks do when they run.
"""
