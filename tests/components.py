"""Real programs that some tests need: PostgreSQL, an OpenSSH server, openssl.

A missing one skips the test, unless ``KYUFU_REQUIRE`` (comma-separated names) says that this
machine must have it: then the test fails, so that CI never passes by skipping.
"""

import os
import shutil
from pathlib import Path

import pytest

PLACES = {
    "openssl": ("openssl",),
    "sshd": ("sshd", "/usr/sbin/sshd", "/usr/local/sbin/sshd"),
    "postgresql": (
        "postgres",
        *sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin/postgres"))),
    ),
}


def require(name: str) -> str:
    """Return the path of a component's program; skip or fail the test if it is missing."""
    for place in PLACES[name]:
        found = shutil.which(place)
        if found is not None:
            return found
    if name in os.environ.get("KYUFU_REQUIRE", "").split(","):
        pytest.fail(f"{name} is missing, but KYUFU_REQUIRE names it", pytrace=False)
    pytest.skip(f"{name} is not installed")
