"""The whole campaign on real Airflow and the simulated link: `make run` and `make serve`.

Starts everything, plays the ward's days through Airflow's own API, and stops all that it started.
Only for a programme marked `demonstration`.
"""
