"""The command line: thin commands, the only printer, the only exit.

Commands import what they run when they run: `ftc --help` loads click and nothing else.
"""

from __future__ import annotations

import errno
import sys
from typing import NoReturn

import click

from ftc import __version__
from ftc.cli import (
    augment,
    convert,
    diff,
    environments,
    estimate,
    parity,
    prepare,
    recipes,
    runs,
    tables,
    upgrade,
)
from ftc.cli.shown import say

_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # no bug, wherever it comes up


def main() -> NoReturn:
    """Run a command and turn what it raises into a message and an exit code."""
    try:
        code = cli.main(prog_name="ftc", standalone_mode=False)
    except click.exceptions.Abort as error:  # what click makes of a KeyboardInterrupt
        say(f"interrupted. {getattr(error.__cause__, 'hint', '')}".rstrip())
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except KeyboardInterrupt:  # outside of click
        say("interrupted.")
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:
        sys.exit(_failed(error))
    sys.exit(code if isinstance(code, int) else 0)


def _failed(error: Exception) -> int:
    from ftc.errors import FtcError

    if isinstance(error, FtcError):
        say(f"error: {error}")
        if error.hint:
            say(f"  try: {error.hint}")
        return error.exit_code
    if isinstance(error, OSError) and error.errno in _OF_THE_DISK:
        say(f"error: {error.filename or 'writing'}: {error.strerror}")
        say("  try: make room, or the folder writable, and run again")
        return 2
    import traceback

    traceback.print_exception(error)
    say("\nThis is a bug in ftc, not in your recipe. Please report it with the lines above.")
    return 3


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "--version", message="ftc %(version)s")
def cli() -> None:
    """Compile a fine-tuning recipe into an Axolotl or LLaMA-Factory run.

    \b
    ftc init data.jsonl --model Qwen/Qwen2.5-7B-Instruct --vram 24 --out recipe.toml
    ftc check recipe.toml
    ftc backend install llamafactory --cpu
    ftc run recipe.toml --backend llamafactory
    """


for _command in (
    recipes.init,
    prepare.prepare,
    augment.augment,
    prepare.data,
    recipes.check,
    recipes.plan,
    recipes.explain,
    recipes.build,
    convert.convert,
    upgrade.upgrade,
    diff.diff,
    estimate.estimate,
    parity.show,
    parity.verify,
    runs.run,
    runs.compare,
    tables.factors,
    tables.rules,
    environments.backend,
):
    cli.add_command(_command)
