"""The steps of the campaign: one module a DAG, one function a task, each safe to repeat.

A step takes the campaign and the business date, does its part in the rooms, and returns counts and codes only.
"""
