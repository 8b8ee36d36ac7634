"""The keys of the GitHub Apps that were made here: a file each, readable by this user alone.

GitHub shows a key once. The file says in its first lines whose it is, before the key, where PEM allows text (RFC 7468):
so it can be used as it is (GOLDRUN_GITHUB_APP_KEY_FILE).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from goldrun.errors import UsageError
from goldrun.github.app_registration import App

_FORM = re.compile(
    r"GitHub App (?P<client_id>[\w.-]+)\n(?P<page>https?://\S+)\n(?P<key>-----BEGIN [A-Z ]+-----.*)", re.DOTALL
)


@dataclass(frozen=True)
class Keys:
    """A folder of keys.

    Attributes:
        folder: the folder; it need not exist yet.
        server: the host of GitHub, in the files' names.
    """

    folder: Path
    server: str

    def file(self, owner: str) -> Path:
        """Return the file of the App that belongs to an account."""
        return self.folder / f"{self.server.replace(':', '-')}-{owner.lower()}.pem"

    def read(self, owner: str) -> App | None:
        """Return the App of an account; None: none was made here.

        Raises:
            UsageError: the file cannot be read, or is another one.
        """
        file = self.file(owner)
        try:
            text = file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{file} cannot be read.", why=[f"{error}."]) from None
        match = _FORM.fullmatch(text)
        if match is None:
            raise UsageError(f"{file} is not the key of a GitHub App that goldrun made.", fix=["move it away"])
        return App(match["client_id"], match["page"], match["key"])

    def write(self, owner: str, app: App) -> None:
        """Write an App's key, at once or not at all; what was there before stays beside it.

        Raises:
            OSError: it cannot be written.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = self.file(owner)
        part = file.with_suffix(f".{os.getpid()}")
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as opened:
            opened.write(f"GitHub App {app.client_id}\n{app.page}\n{app.key}")
        if file.exists():
            file.replace(file.with_suffix(".old.pem"))
        part.replace(file)

    def require_place(self) -> None:
        """Check that keys can be written here, before an App is made.

        Raises:
            UsageError: they cannot.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise UsageError(f"{self.folder} cannot be made.", why=[f"{error.strerror}."]) from None
        if not os.access(self.folder, os.W_OK | os.X_OK):
            raise UsageError(f"Nothing can be written to {self.folder}.")
