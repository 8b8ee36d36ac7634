"""Compares an image's packages with advisories, and decides which of them hold it back.

An advisory holds an image back if it is severe enough, if a version fixes it (unless the recipe includes
unfixed ones, or it is about malware), and if no exception names it. An exception has a reason and a last day.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from goldrun.contents import osv
from goldrun.contents.components import DEB, PYPI, RPM, Component, Contents, canonical
from goldrun.contents.osv import LEVELS, Advisory
from goldrun.contents.rule import AdvisoryException, Rule
from goldrun.errors import RefusedError


@dataclass(frozen=True)
class Finding:
    """An advisory about a package of the image.

    Attributes:
        advisory: its id.
        aliases: its ids elsewhere.
        summary: what it says.
        level: its severity: low, medium, high or critical.
        component: the package.
        fixed: the version that fixes it; empty: none yet.
        blocks: whether it holds the image back.
        why: why it does not, or, for an exception that has ended, that it has.
    """

    advisory: str
    aliases: tuple[str, ...]
    summary: str
    level: str
    component: Component
    fixed: str
    blocks: bool
    why: str = ""


def scan(
    contents: Contents,
    advisories: Iterable[Advisory],
    rule: Rule,
    now: float,
    report: Callable[[str], None] = lambda _: None,
) -> list[Finding]:
    """Return what advisories say of an image's packages, the most severe first.

    Args:
        contents: the packages.
        advisories: the database.
        rule: what holds an image back.
        now: seconds since 1970.
        report: receives a sentence about each language whose packages the database does not know.

    Raises:
        RefusedError: the database knows nothing of the image's system.
    """
    packages: defaultdict[tuple[str, str], list[tuple[Component, str]]] = defaultdict(list)
    for component in contents.components:
        if ecosystem := osv.ecosystem_of(component, contents):
            for name, version in osv.names_of(component):
                packages[ecosystem, name].append((component, version))
    ecosystems = {ecosystem for ecosystem, _ in packages}
    known: set[str] = set()
    found: dict[tuple[str, Component], Finding] = {}
    for advisory in advisories:
        for affected in advisory.affected or ():
            if affected.package is None:
                continue
            for ecosystem in ecosystems:
                if not osv.same_ecosystem(affected.package.ecosystem, ecosystem):
                    continue
                known.add(ecosystem)
                name = affected.package.name if ecosystem != "PyPI" else canonical(PYPI, affected.package.name)
                for component, version in packages.get((ecosystem, name), ()):
                    if osv.is_affected(affected, version, component.kind):
                        fixed = osv.fixed_in(affected, version, component.kind)
                        level = advisory.level(affected)
                        one = _judge(advisory, level, component, fixed, rule, now)
                        # An advisory may have several entries for a package, e.g. one for each repository.
                        key = advisory.id, component
                        found[key] = max(found.get(key, one), one, key=_weight)
    _require_known(contents, known, report)
    return sorted(
        found.values(), key=lambda one: (not one.blocks, -LEVELS.index(one.level), one.component, one.advisory)
    )


def blocking(findings: Iterable[Finding]) -> Sequence[Finding]:
    """Return those that hold the image back."""
    return [one for one in findings if one.blocks]


def _require_known(contents: Contents, known: Iterable[str], report: Callable[[str], None]) -> None:
    """Check that the database knows the image's system: that it finds nothing would prove nothing.

    Raises:
        RefusedError: it does not.
    """
    numbers = Counter((osv.ecosystem_of(one, contents), one.kind in (DEB, RPM)) for one in contents.components)
    for (ecosystem, of_system), number in numbers.items():
        if not ecosystem or ecosystem in known:
            continue
        if of_system:
            raise RefusedError(
                f"The database has no advisories about {ecosystem}.",
                why=[f"{number} packages of the image are from there: a scan that finds nothing would prove nothing."],
                fix=[
                    f"add the all.zip of {ecosystem.partition(':')[0]}, of osv.dev or a mirror, to the database.",
                    "if it does not cover this release: build from a release that it covers.",
                ],
            )
        report(f"{number} packages of {ecosystem} are not compared: the database has no advisories about them.")


def _weight(finding: Finding) -> tuple[bool, int, str]:
    return finding.blocks, LEVELS.index(finding.level), finding.fixed


def _exception(advisory: Advisory, exceptions: Iterable[AdvisoryException]) -> AdvisoryException | None:
    """Return the exception that lasts longest; None: there is none.

    An advisory of a distribution names several CVEs under ``upstream``: its exception lasts as long as those of all.
    """
    longest = {one.id: one for one in sorted(exceptions, key=_end)}
    found = [longest[name] for name in advisory.names if name in longest]
    if advisory.upstream and all(name in longest for name in advisory.upstream):
        found.append(min((longest[name] for name in advisory.upstream), key=_end))
    return max(found, key=_end, default=None)


def _end(exception: AdvisoryException) -> dt.date:
    return exception.until


def _judge(advisory: Advisory, level: str, component: Component, fixed: str, rule: Rule, now: float) -> Finding:
    today = dt.datetime.fromtimestamp(now, dt.UTC).date()
    blocks, why = True, ""
    exception = _exception(advisory, rule.exceptions)
    if LEVELS.index(level) < LEVELS.index(rule.fail):
        blocks, why = False, f"below {rule.fail}"
    elif not fixed and not rule.unfixed and not advisory.is_malware:
        blocks, why = False, "no fixed version yet"
    elif exception and today <= exception.until:
        blocks, why = False, f"exception until {exception.until}: {exception.reason}"
    elif exception:
        why = f"its exception ended on {exception.until}"
    aliases = (*advisory.names[1:], *advisory.upstream)
    return Finding(advisory.id, aliases, advisory.summary, level, component, fixed, blocks, why)
