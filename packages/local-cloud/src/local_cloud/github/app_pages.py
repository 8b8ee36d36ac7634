"""The pages on which a person makes a GitHub App from a manifest, and installs it.

A program's page sends the browser here with the manifest, as a form; GitHub shows the App that it
would create, and waits for a confirmation. So a request from another site creates nothing: the confirmation is a form
of this server, with a token that only this page has, and no other page can frame it.

Source: "Registering a GitHub App from a manifest" in GitHub's documentation. Addresses are an Enterprise Server's.
"""

from __future__ import annotations

import html
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from msgspec import Meta
from msgspec.structs import replace

from local_cloud.clock import LocalClock
from local_cloud.gateway import Reply
from local_cloud.github import apps
from local_cloud.github.errors import GitHubFault, not_found
from local_cloud.github.records import GitHubApp, GitHubManifestCode
from local_cloud.store import Store

_NEW = re.compile(r"(?:/organizations/(?P<owner>[A-Za-z0-9-]+))?/settings/apps/new")
_MADE = re.compile(r"(?:/organizations/(?P<owner>[A-Za-z0-9-]+))?/settings/apps")
_APP = re.compile(r"/github-apps/(?P<slug>[a-z0-9-]+)(?:/installations/new)?")
CODE_SECONDS = 3600.0
LONGEST_NAME = 34
_HEADERS = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "x-frame-options": "DENY",
    # Without a referrer, browsers also send no origin with a form, and the form would count as another site's.
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}
_STYLE = (
    "body{font:16px sans-serif;max-width:40em;margin:3em auto}code{background:#eee}button{font:inherit;padding:.5em}"
)


class _Hook(msgspec.Struct):
    url: str
    active: bool = True


class _Manifest(msgspec.Struct):
    """The members of a manifest that are used here; the others are ignored."""

    url: str
    redirect_url: str = ""
    name: Annotated[str, Meta(max_length=LONGEST_NAME)] = ""
    public: bool = True
    default_permissions: dict[str, str] = {}
    default_events: list[str] = []
    hook_attributes: _Hook | None = None


@dataclass(frozen=True)
class _Shown:
    """What a page shows and the user may confirm."""

    owner: str
    manifest: _Manifest
    state: str


def opens_to_others(method: str, path: str) -> bool:
    """Return whether a link or a form of another site may lead here: to a page that changes nothing."""
    return bool((method in ("GET", "POST") and _NEW.fullmatch(path)) or (method == "GET" and _APP.fullmatch(path)))


class Pages:
    """Answers a browser.

    Attributes:
        owner: whose Apps are made where no organization is named.
    """

    owner = "octocat"

    def __init__(self, store: Store, clock: LocalClock, url: str) -> None:
        self._store, self._clock, self._url = store, clock, url
        self._shown: dict[str, _Shown] = {}

    def handle(self, method: str, path: str, query: str, body: bytes) -> Reply | None:
        """Return the page; None: there is none at this path.

        Raises:
            GitHubFault: an error.
        """
        form = dict(parse_qsl(body.decode("utf-8", "replace")))
        if match := _NEW.fullmatch(path):
            if method != "POST" or "manifest" not in form:
                return _page(
                    "Register a GitHub App", "<p>Send a manifest here, as the field <code>manifest</code>.</p>"
                )
            return self._show(match["owner"] or self.owner, path, form["manifest"], dict(parse_qsl(query)))
        if method == "POST" and _MADE.fullmatch(path):
            return self._make(form)
        if match := _APP.fullmatch(path):
            return self._install(method, match["slug"], form)
        return None

    def _show(self, owner: str, path: str, text: str, query: Mapping[str, str]) -> Reply:
        try:
            manifest = msgspec.json.decode(text, type=_Manifest)
        except msgspec.MsgspecError as error:
            return _page("Invalid GitHub App configuration", f"<p>{html.escape(str(error))}</p>", status=422)
        if problems := _problems(manifest):
            items = "".join(f"<li>{html.escape(one)}</li>" for one in problems)
            return _page("Invalid GitHub App configuration", f"<ul>{items}</ul>", status=422)
        token = secrets.token_urlsafe(24)
        self._shown[token] = _Shown(owner, manifest, query.get("state", ""))
        allowed = "".join(
            f"<li>{html.escape(name)}: {html.escape(access)}</li>"
            for name, access in sorted(manifest.default_permissions.items())
        )
        return _page(
            f"Create GitHub App for {owner}",
            f'''<form method="post" action="/_github{path.removesuffix("/new")}">
<input type="hidden" name="authenticity_token" value="{token}">
<p>GitHub App name: <input name="name" value="{html.escape(manifest.name)}" maxlength="{LONGEST_NAME}"></p>
<p>It may:</p><ul>{allowed}</ul>
<p>Its key goes to <code>{html.escape(manifest.redirect_url)}</code>.</p>
<button id="create">Create GitHub App for {html.escape(owner)}</button></form>''',
        )

    def _make(self, form: Mapping[str, str]) -> Reply:
        shown = self._shown.pop(form.get("authenticity_token", ""), None)
        if shown is None:
            raise GitHubFault(422, "The form is too old, or not GitHub's.")
        name = form.get("name", "").strip()
        slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        if not slug or len(name) > LONGEST_NAME:
            return _page("Invalid GitHub App configuration", "<p>Name is not valid.</p>", status=422)
        if any(one.slug == slug for one in self._store.all(GitHubApp)):
            return _page("Invalid GitHub App configuration", "<p>Name is already taken.</p>", status=422)
        key = _new_key()
        hook = shown.manifest.hook_attributes
        app = apps.register(
            self._store,
            key.encode(),
            self._clock.now(),
            name=name,
            slug=slug,
            owner=shown.owner,
            # Every App may read metadata.
            permissions={"metadata": "read", **shown.manifest.default_permissions},
            installed=False,
        )
        code = GitHubManifestCode(
            id=secrets.token_hex(20),
            app=app.id,
            key=key,
            client_secret=secrets.token_hex(20),
            webhook_secret=secrets.token_hex(20) if hook and hook.active else None,
            expires=self._clock.wall() + CODE_SECONDS,
        )
        old = (one for one in self._store.all(GitHubManifestCode) if one.expires <= self._clock.wall())
        self._store.remove(*old)
        self._store.put(code)
        back = shown.manifest.redirect_url
        query = {"code": code.id, **({"state": shown.state} if shown.state else {})}
        return Reply(302, {**_HEADERS, "location": f"{back}{'&' if '?' in back else '?'}{urlencode(query)}"}, b"")

    def _install(self, method: str, slug: str, form: Mapping[str, str]) -> Reply:
        app = next((one for one in self._store.all(GitHubApp) if one.slug == slug), None)
        if app is None:
            raise not_found()
        if method == "POST":
            shown = self._shown.pop(form.get("authenticity_token", ""), None)
            if shown is None or shown.state != app.id:
                raise GitHubFault(422, "The form is too old, or not GitHub's.")
            self._store.put(replace(app, installed=True))
            return _page(f"{app.name} is installed", f"<p>In all repositories of {html.escape(app.owner)}.</p>")
        if app.installed:
            return _page(app.name, f"<p>It is installed in all repositories of {html.escape(app.owner)}.</p>")
        token = secrets.token_urlsafe(24)
        self._shown[token] = _Shown(app.owner, _Manifest(url=""), app.id)
        return _page(
            f"Install {app.name}",
            f'''<form method="post" action="/_github/github-apps/{slug}/installations/new">
<input type="hidden" name="authenticity_token" value="{token}">
<button id="install">Install on all repositories of {html.escape(app.owner)}</button></form>''',
        )


def _problems(manifest: _Manifest) -> list[str]:
    """Return what GitHub would refuse."""
    found = [] if _is_url(manifest.url) else ["Homepage URL must be a valid URL"]
    if not _is_url(manifest.redirect_url):
        found.append("Redirect URL must be a valid URL")
    if manifest.hook_attributes and not _is_url(manifest.hook_attributes.url):
        found.append("Hook url must be a valid URL")
    found += [
        f"Default permission records resource is not included in the list ({name}: {access})"
        for name, access in manifest.default_permissions.items()
        if access not in ("read", "write", "admin") or not re.fullmatch(r"[a-z_]+", name)
    ]
    return found


def _is_url(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _new_key() -> str:
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return made.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


def _page(title: str, content: str, *, status: int = 200) -> Reply:
    shown = html.escape(title)
    text = f"<!doctype html><title>{shown}</title><style>{_STYLE}</style><h1>{shown}</h1>{content}\n"
    return Reply(status, _HEADERS, text.encode())
