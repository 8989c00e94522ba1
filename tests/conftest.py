"""Nothing but registration: the ledger's specification is also run by the PostgreSQL module."""

import pytest
from hypothesis import HealthCheck, settings

pytest.register_assert_rewrite("tests.unit.ledger")

# behaviour is tested, not time: a busy machine must not fail a property, and every run tries the same examples
# (`make soak` tries others)
settings.register_profile(
    "kyufu", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("kyufu")
