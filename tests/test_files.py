"""A file is written whole or not at all."""

import errno
import os
import tempfile
import time
from pathlib import Path

import pytest
import torch
from jsonargparse import Namespace
from safetensors.torch import save_file

from chaos_lightning.files import expand_paths, expanded, output_file, output_folder, with_ending, written_at_once


@pytest.mark.parametrize("name", ["a.npz", "a"])
def test_an_ending_is_appended_if_it_is_missing(name):
    assert str(with_ending(f"some/{name}", ".npz")) == "some/a.npz"


def test_a_point_in_a_name_begins_no_ending():
    assert str(with_ending("v1.5", ".npz")) == "v1.5.npz"


def test_the_file_appears_when_the_block_ends(tmp_path):
    path = tmp_path / "new" / "file"
    with written_at_once(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_a_block_that_fails_leaves_the_old_file_alone(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def write_half():
        with written_at_once(path) as temporary:
            temporary.write_text("ha")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_half()
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_of_several_writers_at_once_the_last_one_stays_whole(tmp_path):
    path = tmp_path / "file"
    with written_at_once(path) as first:
        first.write_text("the first one, which is long")
        with written_at_once(path) as second:
            second.write_text("second")
        first.open("a").write(" and goes on")
    assert path.read_text() == "the first one, which is long and goes on"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(("umask", "rights"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_a_file_has_the_rights_of_the_umask_whoever_writes_it(tmp_path, umask, rights):
    before = os.umask(umask)
    try:
        with written_at_once(tmp_path / "file") as temporary:
            save_file({"weights": torch.ones(2)}, temporary)  # which gives it rights of its own
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == rights


def test_what_a_killed_process_has_left_is_removed_a_day_later(tmp_path):
    for name, hours in (("old", 25), ("new", 1)):
        left = tmp_path / f".file.{name}.tmp"
        left.touch()
        os.utime(left, (time.time() - hours * 3600,) * 2)
    with written_at_once(tmp_path / "file"):
        pass
    assert {entry.name for entry in tmp_path.iterdir()} == {"file", ".file.new.tmp"}


def test_an_error_while_tidying_up_does_not_hide_the_one_before(tmp_path, monkeypatch):
    def fail(*arguments, **settings):
        raise PermissionError("read-only")

    monkeypatch.setattr(Path, "unlink", fail)
    with pytest.raises(OSError, match="disk full"), written_at_once(tmp_path / "file"):
        raise OSError("disk full")


def test_home_and_variables_are_expanded_wherever_they_stand(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("RUN", "seven")
    settings = Namespace(a="~/logs", b=Namespace(c=["${RUN}/x", 3, None], d={"e": "a~b/$RUN"}))
    expanded_settings = Namespace(a="/home/me/logs", b=Namespace(c=["seven/x", 3, None], d={"e": "a~b/seven"}))
    assert expand_paths(settings) == expanded_settings


@pytest.mark.parametrize("text", ["$NOWHERE_AT_ALL/x", "${NOWHERE_AT_ALL}", "a/$NOWHERE_AT_ALL"])
def test_a_variable_that_is_not_set_is_refused(text):
    with pytest.raises(ValueError, match=r"NOWHERE_AT_ALL.*is not set"):
        expanded(text)


@pytest.mark.parametrize("text", ["cost 5$", "$5", "a $ b"])
def test_a_dollar_sign_alone_names_no_variable(text):
    assert expanded(text) == text


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        (".", r"output is the folder \.: name a file in it, such as name\.npz"),
        ("..", r"output is the folder \.\."),
        ("logs/", "output is the folder logs/: name a file in it, such as logs/name.npz"),
        ("folder", "output is the folder folder"),
        ("s.png", "output is s.png, but a .npz file is written: name it s.npz"),
        ("taken", "taken.npz is a folder"),
    ],
)
def test_an_output_that_is_no_such_file_is_refused(tmp_path, monkeypatch, output, sentence):
    monkeypatch.chdir(tmp_path)
    for folder in ("folder", "taken.npz"):
        (tmp_path / folder).mkdir()
    with pytest.raises(ValueError, match=sentence):
        output_file(output, ".npz")


def test_a_folder_is_not_named_like_a_file(tmp_path):
    with pytest.raises(ValueError, match=rf"a folder of several files is written: name it {tmp_path}/measures$"):
        output_folder(tmp_path / "measures.json")
    assert not list(tmp_path.iterdir())
    (tmp_path / "there.json").mkdir()
    for name in ("there.json", "v1.5", "seed0.3"):
        assert output_folder(tmp_path / name) == tmp_path / name


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path, monkeypatch):
    def fail(*arguments, **settings):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(tempfile, "TemporaryFile", fail)  # tests may be run by root, who may write anywhere
    with pytest.raises(OSError, match=f"cannot write to {tmp_path}: Permission denied"):
        output_folder(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="which is a file: name a folder"):
        output_folder(tmp_path / "file")
