"""HTTP trigger for the dashboard: a page, without data.

The page needs no key, since a browser that opens an address can't send one. It asks its user, and reads all
data from the other routes with it. It is served whatever the settings are, so that it can say what is wrong.
"""

import azure.functions as func

from batchmgr.dashboard.page import dashboard_page
from batchmgr.runtime import Runtime


def dashboard() -> func.HttpResponse:
    """`GET /dashboard`: the page, under a policy by which a browser runs nothing else."""
    page = dashboard_page()
    headers = {
        "Content-Security-Policy": page.policy,
        "Cache-Control": "no-cache",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    return func.HttpResponse(page.html, headers=headers, mimetype="text/html", charset="utf-8")


def blueprint(runtime: Runtime) -> func.Blueprint:
    """Return the blueprint of the route. It needs neither a key nor the ports."""
    functions = func.Blueprint()

    @functions.route("dashboard", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
    async def get_dashboard(req: func.HttpRequest) -> func.HttpResponse:
        return dashboard()

    return functions
