"""Alembic's entry point. `Store` hands over its connection; nothing is read from a file."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
