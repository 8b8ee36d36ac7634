"""Holds an image back whose packages have advisories that its recipe does not allow."""

from __future__ import annotations

from goldrun.bake.context import Context
from goldrun.cloud.images import Image
from goldrun.contents import osv
from goldrun.contents.components import Contents
from goldrun.contents.scan import Finding, blocking, scan
from goldrun.errors import RefusedError

SHOWN = 10


def require_harmless(context: Context, image: Image, contents: Contents | None) -> None:
    """Scan an image if its recipe asks for that.

    Raises:
        RefusedError: advisories hold it back, or its list of packages is empty.
        UsageError: the database is not valid.
    """
    rule = context.recipe.scan
    if rule is None:
        return
    assert contents is not None
    assert context.options.advisories
    if not contents.components:
        raise RefusedError(
            f"{image.name} ({image.image_id}) cannot be scanned: its list of packages is empty.",
            why=["an empty list proves nothing."],
            fix=['packages = "…" in the recipe names a script that lists them.'],
        )
    if note := left_out(contents):
        context.report.line(note)
    now = context.client.clock.now()
    found = scan(contents, context.options.advisories(), rule, now, context.report.line)
    for finding in found:
        context.report.line(words(finding))
    if held := blocking(found):
        more = [f"and {len(held) - SHOWN} more"] if len(held) > SHOWN else []
        raise RefusedError(
            f"Advisories hold {image.name} ({image.image_id}) back: {len(held)}.",
            why=[*(words(finding) for finding in held[:SHOWN]), *more],
            fix=[
                "build with newer packages: --force, or a newer base.",
                "or add an exception with a reason and a last day: [[scan.exceptions]] in the recipe.",
            ],
        )


def left_out(contents: Contents) -> str:
    """Return which packages no advisory can be about; empty: there are none."""
    number = osv.uncompared(contents)
    system = f"{contents.system} {contents.release}".strip() or "an unknown system"
    return f"{number} packages of {system} are not compared: OSV has no advisories about them." if number else ""


def words(finding: Finding) -> str:
    """Return a finding in one line."""
    package = f"{finding.component.name} {finding.component.version}"
    fixed = f"fixed in {finding.fixed}" if finding.fixed else "no fixed version yet"
    why = f" ({finding.why})" if finding.why else ""
    return f"{finding.level}: {finding.advisory} in {package}, {fixed}{why}"
