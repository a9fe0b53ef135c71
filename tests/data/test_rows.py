from __future__ import annotations

from pathlib import Path

import pytest

from affectrep.data.keys import content_hash
from affectrep.data.rows import compare_rows, write_rows
from tests.data.rows import manifest, table


def test_a_list_holds_ids_splits_and_hashes_and_no_text(tmp_path):
    (file,) = write_rows(manifest(), tmp_path / "deep" / "tiny.csv")
    lines = file.read_text(encoding="utf-8").split("\n")
    assert lines[0] == "id,split,sha256"
    assert lines[1] == f"r0,train,{content_hash('still water in train')[:16]}"
    assert len(lines) == 11
    assert compare_rows(manifest(), file) == []
    assert compare_rows(manifest(table()[::-1]), file) == []


def test_one_file_per_split(tmp_path):
    file = tmp_path / "tiny.csv"
    written = write_rows(manifest(), file, per_split=True)
    assert [path.name for path in written] == [
        "tiny-train.csv",
        "tiny-validation.csv",
        "tiny-test.csv",
    ]
    assert (
        written[0]
        .read_text(encoding="utf-8")
        .startswith(f"id,sha256\nr0,{content_hash('still water in train')[:8]}\n")
    )
    assert compare_rows(manifest(), file) == []
    assert compare_rows(manifest(), written[2]) == []
    rows = table()[lambda rows: rows["split"] == "test"]
    assert compare_rows(manifest(rows), written[2]) == []


@pytest.mark.parametrize("per_split", [True, False])
def test_differences_are_named(tmp_path, per_split):
    file = tmp_path / "tiny.csv"
    write_rows(manifest(), file, digits=12, per_split=per_split)
    rows = table()
    rows.loc[0, "text"] += "!"
    rows.loc[1, "split"] = "test"
    rows.loc[2, "id"] = "new"
    assert compare_rows(manifest(rows), file) == [
        "1 rows are in the list but not in the corpus: r2",
        "1 rows are in the corpus but not in the list: new",
        "1 rows are in another split: r1",
        "1 rows have another content: r0",
    ]


def test_ids_with_line_ends_of_any_kind_come_back(tmp_path):
    rows = table()
    rows.loc[0, "id"], rows.loc[1, "id"] = "a\u2028b\x0b", "two\nlines, one id"
    for per_split in (True, False):
        write_rows(manifest(rows), tmp_path / "tiny.csv", per_split=per_split)
        assert compare_rows(manifest(rows), tmp_path / "tiny.csv") == []


def test_many_differences_are_cut(tmp_path):
    (file,) = write_rows(manifest(), tmp_path / "tiny.csv")
    (line,) = compare_rows(manifest(table().assign(text="other")), file)
    assert line == "9 rows have another content: r0, r1, r2, r3, r4, ..."


def test_wrong_lists_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no row list .*none\.csv, nor none-train\.csv"):
        compare_rows(manifest(), tmp_path / "none.csv")
    file = tmp_path / "tiny.csv"
    for text in ("id,split\na,train\n", "id,sha256\na,00\n"):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match="is no row list: expected the columns id, split, sha"):
            compare_rows(manifest(), file)
    for text, message in (
        ("", "holds no rows"),
        ("id,split,sha256\na,train,0,1\n", "1 rows have another number: row 2"),
        ("id,split,sha256\n" + "a" * 140_000 + ",train,0\n", "line 2 is not readable"),
    ):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=message):
            compare_rows(manifest(), file)
    file.write_text("id,split,sha256\na,train,\n", encoding="utf-8")
    with pytest.raises(ValueError, match="row 2 has no hash"):
        compare_rows(manifest(), file)
    with pytest.raises(ValueError, match="8 to 64 digits"):
        write_rows(manifest(), file, digits=4)


def test_the_lists_of_the_recipes_are_small_and_hold_no_text():
    folder = Path(__file__).parents[2] / "recipes" / "fec_text" / "rows"
    counts = {"train": 23_485, "validation": 2_956, "test": 2_984}
    for split, count in counts.items():
        file = folder / f"goemotions_single_label-{split}.csv"
        lines = file.read_text(encoding="utf-8").splitlines()
        assert len(lines) == count + 1
        assert {len(line) for line in lines[1:]} == {16}
        assert file.stat().st_size < 480 * 1024
