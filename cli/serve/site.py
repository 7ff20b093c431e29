"""The site: a gate in front of the routes, and answers with the headers of a page that nobody else may embed or run."""

import os
from collections.abc import Callable

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from billstream.aggregator.pages.render import HTML_NAME
from billstream.cli.serve.access import Access
from billstream.cli.serve.published import POLICY, TYPES, Answer, Published

COOKIE = "billstream"
HEADERS = {
    "Cache-Control": "private, no-cache",
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
NOT_YET = "Nothing is published at the moment. `billstream aggregate` publishes it.\n"
NOT_HERE = "There is no such page. /api lists what is here.\n"


def site(published: Published, access: Access) -> Starlette:
    """Return the application; it reads the folder anew at each request."""
    routes = [
        Route("/", _route(lambda _: published.answer(HTML_NAME))),
        Route("/api", _route(lambda _: published.routes())),
        Route("/api/{field:str}", _route(lambda request: published.field(request.path_params["field"]), NOT_HERE)),
        *(Route(f"/{name}", _route(_reader(published, name))) for name in TYPES),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(Gate, access=access)],
        exception_handlers={404: lambda *_: PlainTextResponse(NOT_HERE, 404), OSError: _unreadable},
    )


class Gate:
    """Lets a request pass that only reads, names this server, and brings the token; every answer gets the headers."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await (self._instead(Request(scope)) or self._app)(scope, receive, sent)

    def _instead(self, request: Request) -> Response | None:
        """Return the answer to a request that does not pass, or that has brought the token in its address."""
        if request.method not in {"GET", "HEAD"}:
            return PlainTextResponse("These pages can only be read.\n", 405, {"Allow": "GET, HEAD"})
        hosts = request.headers.getlist("host")
        if len(hosts) != 1 or not self._access.may_name(hosts[0]):
            return PlainTextResponse("This is not the server of that name; `--host NAME` adds one.\n", 421)
        query = request.query_params.get("token", "")
        cookie = request.cookies.get(COOKIE, "")
        if not self._access.may_read(header=request.headers.get("authorization", ""), query=query, cookie=cookie):
            text = "Only with the token: open /?token=TOKEN, or send the header Authorization: Bearer TOKEN.\n"
            return PlainTextResponse(text, 401, {"WWW-Authenticate": "Bearer"})
        return self._without_token(request) if query else None

    def _without_token(self, request: Request) -> Response:
        """Move the token from the address, which is shown and stored, into a cookie that scripts cannot read."""
        # The path is what follows the server's name: with two slashes in front it would name another server.
        answer = RedirectResponse(f"/{request.url.path.lstrip('/')}", 303)
        if self._access.token is not None:
            answer.set_cookie(COOKIE, self._access.cookie, httponly=True, samesite="lax", path="/")
        return answer


def _reader(published: Published, name: str) -> Callable[[Request], Answer | None]:
    return lambda _: published.answer(name)


def _route(read: Callable[[Request], Answer | None], absent: str = NOT_YET) -> Callable[[Request], Response]:
    """Return an endpoint. It is no coroutine, so that it runs in a thread: it reads a disk."""

    def endpoint(request: Request) -> Response:
        answer = read(request)
        if answer is None:
            return PlainTextResponse(absent, 404)
        headers = {"ETag": f'"{answer.tag}"', "Content-Security-Policy": answer.policy}
        known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
        if headers["ETag"] in known:
            return Response(status_code=304, headers=headers)
        return Response(answer.body, headers=headers, media_type=answer.kind)

    return endpoint


def _unreadable(_: Request, error: Exception) -> Response:
    reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "unknown"
    return PlainTextResponse(f"The published files cannot be read at the moment: {reason}.\n", 503)
