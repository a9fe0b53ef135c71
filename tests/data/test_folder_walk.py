from __future__ import annotations

from affectrep.data.folder_walk import files_below, walk_folders


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_linked_folders_are_entered_and_keep_the_name_of_the_link(tmp_path):
    touch(tmp_path / "far", "b/2.jpg", "1.jpg")
    touch(tmp_path / "here", "a/3.JPG", "z.txt")
    (tmp_path / "here" / "m").symlink_to(tmp_path / "far")
    found = files_below(tmp_path / "here", suffixes=(".jpg",))
    names = [path.relative_to(tmp_path / "here").as_posix() for path in found]
    assert names == ["a/3.JPG", "m/1.jpg", "m/b/2.jpg"]


def test_a_folder_that_is_linked_again_or_around_is_entered_once(tmp_path):
    touch(tmp_path, "z/1.jpg", "z/y/2.jpg")
    (tmp_path / "z" / "y" / "back").symlink_to(tmp_path)
    (tmp_path / "a").symlink_to(tmp_path / "z")  # comes first by the alphabet, yet is the link
    (tmp_path / "b").symlink_to(tmp_path / "z" / "y")
    found = files_below(tmp_path, suffixes=(".jpg",))
    assert [path.relative_to(tmp_path).as_posix() for path in found] == ["z/1.jpg", "z/y/2.jpg"]


def test_hidden_files_other_endings_and_broken_links_are_left_out(tmp_path):
    touch(tmp_path, ".a.jpg", ".git/b.jpg", "__MACOSX/c.jpg", "d.txt", "e.jpg/f.png", "g.jpg")
    (tmp_path / "h.jpg").symlink_to(tmp_path / "gone.jpg")
    found = files_below(tmp_path, suffixes=(".jpg", ".png"))
    assert [path.name for path in found] == ["f.png", "g.jpg"]
    assert files_below(tmp_path / "nowhere", suffixes=(".jpg",)) == []


def test_the_order_is_that_of_sorted_paths(tmp_path):
    touch(tmp_path, "a/b/1.jpg", "a/2.jpg", "a.b/3.jpg", "0.jpg", "b.jpg")
    assert files_below(tmp_path, suffixes=(".jpg",)) == sorted(tmp_path.rglob("*.jpg"))


def test_folders_that_are_taken_out_are_not_entered(tmp_path):
    touch(tmp_path, "keep/1.jpg", "leave/2.jpg")
    (tmp_path / "link").symlink_to(tmp_path / "leave")
    seen = []
    for here, folders, files in walk_folders(tmp_path):
        folders[:] = [name for name in folders if name == "keep"]
        seen.append((here, files))
    assert seen == [(tmp_path, []), (tmp_path / "keep", ["1.jpg"])]
