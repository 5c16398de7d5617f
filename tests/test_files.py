"""A file is written whole or not at all."""

import pytest

from chaos_lightning.files import with_ending, written_at_once


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
