from __future__ import annotations

import pytest

from tests.benchmarks.marked_page import markers, with_table


def test_the_table_takes_the_place_of_the_old_one() -> None:
    begin, end = markers("x")
    page = f"a\n{begin}\nold\n{end}\nb"
    assert with_table(page, "new", "x") == f"a\n{begin}\nnew\n{end}\nb"


@pytest.mark.parametrize("text", ["none", "<!-- x:begin -->", "<!-- x:end -->"])
def test_a_page_without_markers_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="needs both"):
        with_table(text, "new", "x")
