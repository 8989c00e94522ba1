"""Alembic's environment: runs on the connection that `pipelines.ledger.engine` hands over."""

from alembic import context

from pipelines.ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
context.run_migrations()
