"""Nothing but registration: the ledger's specification is also run by the PostgreSQL module."""

import pytest
from hypothesis import settings

pytest.register_assert_rewrite("tests.unit.ledger")

# behaviour is tested, not time: a busy machine must not fail a property
settings.register_profile("kyufu", deadline=None)
settings.load_profile("kyufu")
