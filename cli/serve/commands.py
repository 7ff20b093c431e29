"""`billstream serve`, thin."""

import os
from importlib.util import find_spec
from typing import Annotated

import typer

from billstream.cli.terminal import examples, say
from billstream.common.errors import Misconfigured

app = typer.Typer(rich_markup_mode=None)
EXTRA = ("starlette", "uvicorn")


@app.command(
    epilog=examples("billstream serve", "billstream serve --address 0.0.0.0:8787 --token-from DASHBOARD_TOKEN")
)
def serve(
    context: typer.Context,
    *,
    address: Annotated[str, typer.Option(metavar="IP:PORT", help="Where to listen, e.g. [::1]:80.")] = "127.0.0.1:8787",
    token_from: Annotated[
        str | None,
        typer.Option(
            metavar="VARIABLE", help="Variable that holds the token, e.g. DASHBOARD_TOKEN. Default: no token."
        ),
    ] = None,
    host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Name that readers may use, e.g. costs.acme.com. Default: localhost, IPs."),
    ] = None,
) -> None:
    """Show the insights live, to a browser.

    Runs until Ctrl-C or SIGTERM. Serves dashboard.html and the files beside it, read-only, as the aggregator publishes
    them; an open page follows. Needs the extra billstream[serve]. Any address but loopback needs a token.
    """
    import structlog

    from billstream.cli import opening
    from billstream.cli.serve.access import access_of
    from billstream.cli.serve.published import Published

    settings = opening.settings_with_logs()
    access = access_of(address, os.environ, token_from=token_from, names=host or ())
    if any(find_spec(module) is None for module in EXTRA):
        raise Misconfigured(
            "The web server is not installed, so nothing is served. Run: pip install 'billstream[serve]'"
        )
    if settings.insights_url:
        raise Misconfigured(
            f"The insights are published to {settings.insights_url}, and only a folder can be served. Let readers open "
            "the bucket by a CDN, or set BILLSTREAM_INSIGHTS_DIR to a folder."
        )
    published = Published(settings.insights)
    published.check()
    stop = opening.signals(context, settings)
    with opening.service("serve", stop):
        from billstream.cli.serve import running  # only now: the extra may be absent

        with running.listening(access) as listener:
            opening.begins_work(stop, settings)
            url = access.url(listener.getsockname()[1])
            structlog.get_logger(__name__).info(
                "serving_started", url=url, folder=str(settings.insights), token=bool(access.token)
            )
            say(f"The insights in {settings.insights} are at {url}")
            running.run(listener, published, access, stop)
