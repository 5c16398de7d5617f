"""The start of the command line: answers that need no torch come before it is imported, which takes seconds."""

import argparse
import sys
from collections.abc import Sequence

from chaos_lightning.commands.known_names import not_known
from chaos_lightning.commands.table import COMMANDS
from chaos_lightning.version import __version__

DESCRIPTION = "Trains chaotic recurrent neural networks as generative models, samples from them and measures them."
EPILOG = "Each command has a --help of its own. To begin: chaos-lightning fit --config quickstart"


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line; it explains errors that a user can mend in one sentence.

    The exit status is 1 after an error, 2 for arguments that can't be parsed, 130 after Ctrl-C, 143 after SIGTERM.
    """
    arguments = sys.argv[1:] if args is None else list(args)
    _answer_at_once(arguments)
    if arguments == ["configs"]:
        COMMANDS["configs"].attribute("configs")()
        return
    from chaos_lightning.commands.command_line import run  # imports torch

    run(args)


def _answer_at_once(arguments: Sequence[str]) -> None:
    """Answer, and exit, where no command is asked for, or none that there is."""
    first = arguments[0] if arguments else ""
    if first in ("-h", "--help"):
        _parser().print_help()
        sys.exit(0)
    if first == "--version":
        print(f"chaos-lightning {__version__}")
        sys.exit(0)
    if not first or (first.startswith("-") and not any(each in COMMANDS for each in arguments)):
        if any(argument.partition("=")[0] == "--config" for argument in arguments):
            return  # it may name the command
        _parser().print_help(sys.stderr)
        _end("\nerror: a command is missing")
    if not first.startswith("-") and first not in COMMANDS:
        _end(f"error: {not_known('command', first, COMMANDS)}")


def _parser() -> argparse.ArgumentParser:
    """Make a parser that knows the commands by their summaries alone, for its help."""
    lines = "\n".join(f"  {name:<{max(map(len, COMMANDS))}}  {command.summary}" for name, command in COMMANDS.items())
    parser = argparse.ArgumentParser(
        "chaos-lightning",
        usage="%(prog)s [-h] [--version] COMMAND ...",
        description=f"{DESCRIPTION}\n\ncommands:\n{lines}",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", help="show the version and exit")
    return parser


def _end(message: str) -> None:
    print(message, file=sys.stderr)
    sys.exit(2)
