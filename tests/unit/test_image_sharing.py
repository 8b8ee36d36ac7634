"""``goldrun image share`` and ``unshare``: with accounts, and with everyone."""

from __future__ import annotations

from typing import Protocol

import pytest

from local_cloud.records import Image
from tests.commands import Goldrun
from tests.conftest import Running

NAME = "github-runner-ubuntu24-amd64-latest"
IMAGE = "m-localnewamd64"
ACCOUNT = "1234567890123456"


class Images(Protocol):
    """A command about images, which says everything on stderr."""

    def __call__(self, *words: str, code: int = 0, typed: str | None = None) -> str: ...


@pytest.fixture
def images(goldrun: Goldrun) -> Images:
    def run(*words: str, code: int = 0, typed: str | None = None) -> str:
        done = goldrun("image", *words, code=code, typed=typed)
        assert done.stdout == ""
        return done.stderr

    return run


def image(cloud: Running) -> Image:
    found = cloud.cloud.store.get(Image, IMAGE)
    assert found is not None
    return found


def test_accounts_get_an_image_and_lose_it(populated: Running, images: Images) -> None:
    assert f"is shared with {ACCOUNT}." in images("share", NAME, "--account", ACCOUNT)
    assert set(image(populated).shared_with) == {ACCOUNT}
    assert not image(populated).public
    assert "is shared with nobody." in images("unshare", NAME, "--account", ACCOUNT)


def test_everyone_gets_an_image_only_by_consent(populated: Running, images: Images) -> None:
    refusal = images("share", NAME, "--public", code=2)
    assert "needs a confirmation" in refusal
    assert "nothing was changed" in images("share", NAME, "--public", typed="n\n")
    assert not image(populated).public
    shown = images("share", NAME, "--public", typed="y\n")
    assert f"would make public: {NAME} ({IMAGE}); copies that others make cannot be revoked" in shown
    assert image(populated).public
    assert "is shared with nobody." in images("unshare", NAME, "--public")
    assert not image(populated).public
    both = images("share", NAME, "--public", "--account", ACCOUNT, "--yes")
    assert f"is shared with everyone, {ACCOUNT}." in both


def test_nobody_is_nobody(populated: Running, images: Images) -> None:
    for command in ("share", "unshare"):
        assert "No account to share with is given" in images(command, NAME, code=2)
