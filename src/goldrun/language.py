"""The language in which goldrun speaks to people: English, or Chinese where the environment asks for it.

The code is written in English alone. The Chinese is looked up on the way to stderr and when ``--help`` is shown, so
scripts read the same results in every language.

Standard library alone: this module is on the look-up path, which pays for a catalogue only when it is needed.
"""

from goldrun import config
from goldrun.config import Environment

CHINESE = {"zh", "zh_CN", "zh_SG", "zh_Hans", "zh_Hans_CN", "zh_Hans_SG"}


def speaks_chinese(env: Environment) -> bool:
    """Whether the first of the language's variables that is set asks for simplified Chinese."""
    return config.LANGUAGE.read(env).partition(".")[0].replace("-", "_") in CHINESE


def say(env: Environment, text: str) -> str:
    """``text``, line by line in the language that ``env`` asks for; a line that has no translation stays English."""
    if not speaks_chinese(env):
        return text
    from goldrun.messages import translate

    return "\n".join(translate(line) for line in text.split("\n"))
