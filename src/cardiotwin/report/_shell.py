"""The frame of every page: style, policy, one script, no request to anybody."""

import base64
import hashlib
from collections.abc import Sequence
from html import escape
from importlib.resources import files


def make_page(
    body: str, *, title: str, version: str, scripts: Sequence[str], data: str = ""
) -> str:
    """Return a whole page.

    Args:
        body: what stands between <body> and the scripts.
        title: of the window.
        version: of cardiotwin.
        scripts: assets that run, in order, in one scope.
        data: script elements that hold data, not code.
    """
    assets = files("cardiotwin.report") / "_assets"
    style = (assets / "report.css").read_text(encoding="utf-8")
    script = "\n".join((assets / name).read_text(encoding="utf-8") for name in scripts)
    script = f'"use strict";(() => {{\n{script}\n}})();'
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    # The browser itself forbids every request and every script but ours.
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f'<meta name="generator" content="cardiotwin {escape(version)}">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)} · cardiotwin</title>\n<style>\n{style}\n</style>\n</head>\n"
        f"<body>\n{body}\n{data}<script>{script}</script>\n</body>\n</html>\n"
    )
