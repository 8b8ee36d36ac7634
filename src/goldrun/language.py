"""The language of messages for people: English, or Chinese if the environment requests it.

The code is written in English. Messages are translated on their way to stderr and when ``--help`` is shown, so scripts
read the same results in every language.

Standard library alone: this module is on the look-up path, which loads a catalogue only when it is needed.
"""

from goldrun import config
from goldrun.config import Environment

CHINESE = {"zh", "zh_CN", "zh_SG", "zh_Hans", "zh_Hans_CN", "zh_Hans_SG"}


def speaks_chinese(env: Environment) -> bool:
    """Return whether the first language variable that is set requests simplified Chinese."""
    return config.LANGUAGE.read(env).partition(".")[0].replace("-", "_") in CHINESE


def say(env: Environment, text: str) -> str:
    """Return ``text``, line by line in the language that ``env`` requests; lines without a translation stay English."""
    if not speaks_chinese(env):
        return text
    from goldrun.messages import translate

    return "\n".join(translate(line) for line in text.split("\n"))
