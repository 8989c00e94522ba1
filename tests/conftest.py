"""Nothing but registration: the ledger's specification is also run by the PostgreSQL module."""

import pytest

pytest.register_assert_rewrite("tests.unit.ledger")
