"""The glue between Airflow and Kyufu: the link's hook, steps as tasks, people's approvals as tasks.

Importing it imports no step, pandas, pyarrow or duckdb; the tasks do when they run.
"""
