"""The members of a server's answer. What answers without one that a server always has is another server.

Standard library alone: this module is on the look-up path.
"""

from __future__ import annotations

from goldrun.errors import UnavailableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    _Dict = dict[str, Any]
else:
    _Dict = dict


class Members(_Dict):
    """An answer's JSON object."""

    def __init__(self, members: dict[str, Any], server: str, fix: str) -> None:
        """Take an object over; ``server`` is who answered, ``fix`` what to do if it is not the one that was meant."""
        super().__init__(members)
        self._server, self._fix = server, fix

    def __missing__(self, name: str) -> NoReturn:
        """Refuse an answer without the member.

        Raises:
            UnavailableError: always.
        """
        raise UnavailableError(f"{self._server} answered without {name}, not as the API does.", fix=[self._fix])
