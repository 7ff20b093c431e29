"""The statements that show DuckDB the way to S3."""

from urllib.parse import unquote, urlsplit

from billstream.common.aws import AwsAccess
from billstream.common.lake.catalog import literal
from billstream.common.masking import SHORTEST_KEY, keep_secret


def settings_sql(access: AwsAccess, before: AwsAccess | None) -> list[str]:
    """Return the statements for what is no part of a secret: the authorities that are trusted, and the proxy."""
    if before and (before.ca_file, before.proxy_url) == (access.ca_file, access.proxy_url):
        return []
    proxy = urlsplit(access.proxy_url if "//" in access.proxy_url else f"//{access.proxy_url}")
    host = proxy.netloc.rpartition("@")[2]
    if proxy.password:
        keep_secret(unquote(proxy.password))
    values = {
        "ca_cert_file": access.ca_file,
        # DuckDB would take HTTP_PROXY for every URL unless it is told that there is none.
        "http_proxy": f"{proxy.scheme or 'http'}://{host}" if host else "",
        "http_proxy_username": unquote(proxy.username or ""),
        "http_proxy_password": unquote(proxy.password or ""),
    }
    return [f"SET GLOBAL {name} = {literal(value)}" for name, value in values.items()]


def secret_sql(access: AwsAccess) -> str:
    """Return the statement that gives DuckDB the credentials and the endpoint of S3."""
    for secret in (access.secret_key, access.session_token):
        keep_secret(secret, shortest=SHORTEST_KEY)
    options = {"KEY_ID": access.access_key, "SECRET": access.secret_key, "REGION": access.region}
    if access.session_token:
        options["SESSION_TOKEN"] = access.session_token
    pairs = [f"{name} {literal(value)}" for name, value in options.items()]
    # The endpoint that DuckDB takes by itself is not named, as these statements are printed, too.
    if access.endpoint not in {"s3.amazonaws.com", f"s3.{access.region}.amazonaws.com"} or access.url_style != "vhost":
        pairs += [f"ENDPOINT {literal(access.endpoint)}", f"URL_STYLE {literal(access.url_style)}"]
        pairs.append(f"USE_SSL {access.use_ssl}")
    return f"CREATE OR REPLACE SECRET billstream_data (TYPE s3, {', '.join(pairs)})"
