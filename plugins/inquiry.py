"""Airflow plugin: 照会, a page on which a signed-in person asks how one resident stands (`/kyufu-inquiry/`).

The number is sent in a form's body, never in an address, so that no log holds it. Who asks is whose session it is; that
person's role must allow it and the ward's roster must name them. Each answer is an audit event before it is shown.
"""

from typing import Annotated, Any
from urllib.parse import parse_qs

from airflow.plugins_manager import AirflowPlugin
from fastapi import Depends, FastAPI, Request
from fastapi.responses import HTMLResponse

LONGEST = 4_096  # bytes of a form
NOT_KEPT = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
}
app = FastAPI(title="Kyufu", docs_url=None, redoc_url=None, openapi_url=None)


async def actor(request: Request) -> Any:
    """Who the session belongs to, with Kyufu's roles; 401 or 403 without a good session."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.core_api.security import bearer_scheme, get_user
    from who import roles

    from pipelines.steps.roles import Actor, Role

    user = await get_user(request, None, await bearer_scheme(request))
    return Actor(str(user.get_id()), frozenset(map(Role, roles(get_auth_manager(), user))))


async def asked(request: Request) -> dict[str, str]:
    """The form's fields."""
    body = await request.body()
    fields = parse_qs(body[:LONGEST].decode(errors="replace"))
    return {name: values[0] for name, values in fields.items()}


@app.get("/")
async def form(_: Annotated[Any, Depends(actor)]) -> HTMLResponse:
    """The empty form."""
    from pipelines.reports.pages import render_inquiry

    return HTMLResponse(render_inquiry(), headers=NOT_KEPT)


@app.post("/")
def answer(
    who: Annotated[Any, Depends(actor)], fields: Annotated[dict[str, str], Depends(asked)]
) -> HTMLResponse:
    """The resident's history, or why it is not shown."""
    from pipelines.errors import KyufuError
    from pipelines.evidence.history import inquire
    from pipelines.programme import settings_from_environment
    from pipelines.reports.pages import render_inquiry
    from pipelines.steps.campaign import open_campaign
    from pipelines.terminal import no_link, today

    campaign = open_campaign(settings_from_environment(), no_link)
    try:
        found = inquire(
            campaign, fields.get("resident_id", ""), who, fields.get("purpose", ""), today()
        )
    except KyufuError as error:
        return HTMLResponse(render_inquiry(error=str(error)), status_code=400, headers=NOT_KEPT)
    finally:
        campaign.ledger.engine.dispose()
    return HTMLResponse(render_inquiry(found), headers=NOT_KEPT)


class KyufuInquiry(AirflowPlugin):
    """Registers the page and its place in Airflow's menu."""

    name = "kyufu_inquiry"
    fastapi_apps = [{"app": app, "url_prefix": "/kyufu-inquiry", "name": "Kyufu inquiry"}]  # noqa: RUF012 - Airflow's interface
    external_views = [  # noqa: RUF012 - Airflow's interface
        {"name": "照会", "href": "/kyufu-inquiry/", "destination": "nav", "category": "browse"}
    ]
