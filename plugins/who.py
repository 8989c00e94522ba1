"""Airflow plugin: ``GET /kyufu/who`` says who a session belongs to and which of Kyufu's roles that person has.

The command line asks it at each use of a token (`pipelines.sign_in`). With Airflow's simple auth manager the programme
file's ``[demonstration]`` names the people; nobody has a role in a production programme. Any other auth manager decides
by its own permissions: a person has the role ``steward`` if the manager lets that person read the custom view
``Kyufu steward``, and likewise for the others.
"""

from typing import Any

from airflow.plugins_manager import AirflowPlugin
from fastapi import FastAPI, Request

ROLES = ("viewer", "operator", "steward", "approver", "auditor")
app = FastAPI(title="Kyufu", docs_url=None, redoc_url=None, openapi_url=None)


@app.get("/who")
async def who(request: Request) -> dict[str, Any]:
    """The signed-in user's id and roles; 401 or 403 without a good session."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.core_api.security import bearer_scheme, get_user

    user = await get_user(request, None, await bearer_scheme(request))
    return {"user": user.get_id(), "roles": roles(get_auth_manager(), user)}


def roles(manager: Any, user: Any) -> list[str]:
    """Kyufu's roles of a user of an auth manager."""
    from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

    if isinstance(manager, SimpleAuthManager):
        return _demonstration_roles(user)
    return [
        role
        for role in ROLES
        if manager.is_authorized_custom_view(method="GET", resource_name=f"Kyufu {role}", user=user)
    ]


def _demonstration_roles(user: Any) -> list[str]:
    """The simple auth manager is for demonstrations: nobody has a role in a production programme."""
    from kyufu_airflow.programme import programme

    people = programme().demonstration
    if people is None or not programme().is_demonstration:
        return []
    names = {
        "operator": (people.drafter,), "steward": (people.steward,), "approver": people.approvers,
    }  # fmt: skip
    return ["viewer", *(role for role, staff in names.items() if user.get_id() in staff)]


class KyufuWho(AirflowPlugin):
    """Registers the route."""

    name = "kyufu_who"
    fastapi_apps = [{"app": app, "url_prefix": "/kyufu", "name": "Kyufu"}]  # noqa: RUF012 - Airflow's interface
