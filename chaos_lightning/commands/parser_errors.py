"""Errors of the parser in a sentence: a setting that does not exist, a class that cannot be found, a wrong value."""

import re
from pydoc import ErrorDuringImport, locate
from typing import Any

from chaos_lightning.commands.known_names import not_known
from chaos_lightning.data.loader_settings import LOADER_SETTINGS, unknown_settings
from chaos_lightning.models.checks import MOVED
from chaos_lightning.models.saving import subclasses
from chaos_lightning.models.settings import accepted_settings

_NO_SETTING = re.compile(r"Option '([^']+)' is not accepted")
_NO_CLASS = re.compile(r"Expected a dot import path string: (\S+)")
_NO_MODULE = re.compile(r"No module named '([^']+)'")
_WRONG_VALUE = re.compile(r"Expected an? <class '(?:\w+\.)*(\w+)'>\. Got value: (.*)")
_WRONG_TYPE = re.compile(r"- Expected an? <class '(?:\w+\.)*(?!NoneType)(\w+)'>\n.*?Given value: ([^\n]*)", re.DOTALL)
_KINDS = (_NO_SETTING, _NO_CLASS, _NO_MODULE, _WRONG_VALUE, _WRONG_TYPE)


def explained(message: str) -> str:
    """Say in one sentence what the parser reports as a tree of all types that a setting might have had.

    Args:
        message: of the parser.

    Returns:
        The sentence; the message itself where its kind is not known.
    """
    keys = re.findall(r'Parser key "([^"]+)"', message)
    if not keys:
        return message
    option, inner = ".".join(keys), message.rpartition("Parser key ")[2]
    # The first complaint is about the type that was meant; the others are about types that the setting might have had.
    found = [(match.start(), number, match) for number, kind in enumerate(_KINDS) if (match := kind.search(inner))]
    if not found:
        return message
    _, number, match = min(found)
    if _KINDS[number] is _NO_SETTING:
        before = message[: message.index(inner)] + inner[: match.start()]
        return _no_setting(option, match[1], before, inner[match.end() :])
    if _KINDS[number] is _NO_CLASS:
        return _no_class(option, match[1], inner)
    if _KINDS[number] is _NO_MODULE:
        return (
            f"{option} is of a class that cannot be found, as there is no module {match[1]}: start in the folder of "
            f"{match[1].split('.')[0]}.py, or put that folder on the Python path"
        )
    return f"{option} must be of type {match[1]}, but is {match[2]}"


def _no_setting(option: str, name: str, before: str, after: str) -> str:
    if name in MOVED:
        return (
            f"{option} has no setting {name} any more. It is a setting of the learning rule now: --model.rule "
            f"{MOVED[name].split(',')[0]} --model.rule.{name} VALUE; in a config, rule with class_path and init_args"
        )
    class_paths = re.findall(r"given class_path '([\w.]+)'", before)[-1:]
    if option == "data" and name in LOADER_SETTINGS:
        return unknown_settings("".join(class_paths).rpartition(".")[2] or option, [name])
    if option.endswith("optimizer") or option.endswith("lr_scheduler"):  # their class stands behind the complaint
        class_paths = re.findall(r"class_path='([\w.]+)'", after)
    known = _settings_of(class_paths[0]) if class_paths else []
    if not known:
        return f"{option} has no setting called {name}"
    class_name = class_paths[0].rpartition(".")[2]
    return f"{option}: {not_known(f'setting of {class_name} called', name, known)}"


def _no_class(option: str, name: str, inner: str) -> str:
    bases = [locate(path) for path in re.findall(r"<class '([\w.]+)'>", inner)]
    classes = {name for base in bases if isinstance(base, type) for name in _names_below(base)}
    words = {literal for each in re.findall(r"Literal\[([^\]]*)\]", inner) for literal in re.findall(r"'(\w+)'", each)}
    known = classes | words
    if not known:
        return f"{option} is {name}, which is no class: name one with its module, such as torch.optim.Adam"
    own = "; a class of your own goes by module and name, such as mymodule.MyClass"
    return f"{option}: {not_known(option.rpartition('.')[2], name, known)}{own}"


def _names_below(base: Any) -> list[str]:
    return [below.__name__ for below in subclasses(base)]


def _settings_of(class_path: str) -> list[str]:
    """The settings that the parser takes for a class; none if the class cannot be found."""
    try:
        class_ = locate(class_path)
    except ErrorDuringImport:
        return []
    if not isinstance(class_, type):
        return []
    return sorted(accepted_settings(class_))
