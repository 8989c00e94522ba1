"""Which of Kyufu's roles a user of Airflow has: by the auth manager's permissions, or by the demonstration's names."""

import pytest

pytestmark = pytest.mark.filterwarnings("default")  # Airflow's own deprecations are not ours


class Permissions:
    """An auth manager with permissions on custom views, as FAB's: user -> names of the views that may be read."""

    def __init__(self, views):
        self.views = views

    def is_authorized_custom_view(self, *, method, resource_name, user):
        return method == "GET" and resource_name in self.views.get(user, ())


@pytest.mark.parametrize(
    ("views", "roles"),
    [
        (["Kyufu steward"], ["steward"]),
        (["Kyufu viewer", "Kyufu auditor", "DAGs"], ["viewer", "auditor"]),
        (["kyufu steward", "Kyufu", "Kyufu admin"], []),
        ([], []),
    ],
)
def test_another_auth_manager_decides_by_its_permissions(views, roles):
    import who

    manager = Permissions({"tanaka": views})
    assert who.roles(manager, "tanaka") == roles
    assert who.roles(manager, "suzuki") == []


@pytest.mark.parametrize(
    ("user", "airflow_role", "roles"),
    [
        # the programme's people, whatever Airflow's simple role is
        ("steward",   "user",   ["viewer", "steward"]),
        ("approver1", "user",   ["viewer", "approver"]),
        ("approver2", "user",   ["viewer", "approver"]),
        ("operator",  "op",     ["viewer", "operator"]),
        ("viewer",    "viewer", ["viewer"]),
        ("admin",     "admin",  ["viewer"]),
        ("Steward",   "admin",  ["viewer"]),
    ],
)  # fmt: skip
def test_in_a_demonstration_the_programme_names_the_people(user, airflow_role, roles):
    import who
    from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    person = SimpleAuthManagerUser(username=user, role=airflow_role)
    assert who.roles(SimpleAuthManager(), person) == roles


def test_the_roles_are_those_of_the_steps():
    import who

    from pipelines.steps.roles import Role

    assert set(who.ROLES) == set(Role)
