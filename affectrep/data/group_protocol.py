"""Splits by whole groups within one corpus, in words: folds of people, or one group left out.

``folds fold=0 folds=5`` tests one of five folds of whole people; ``folds column=corpus fold=0
folds=3`` deals another column's groups. ``leave_group_out column=corpus value=x`` tests the rows
of one group; ``value`` comes last and may hold spaces. With a ``target=`` the words are those of a
cross-lingual protocol (data/crosslingual.py), which this module leaves alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

__all__ = ["GROUPS", "PEOPLE", "GroupProtocol", "check_fold", "read_groups"]

PEOPLE = ("speaker", "author", "subject")
"""Columns of people, in the order in which the first that is known is taken."""
GROUPS = (*PEOPLE, "language", "corpus")
"""Columns that a protocol may name."""
_KINDS = ("folds", "leave_group_out")


@dataclass(frozen=True)
class GroupProtocol:
    """Which groups are tested.

    Args:
        kind: folds (every group is tested in exactly one of them) or leave_group_out.
        column: whose groups, one of GROUPS; folds may leave it empty, and then whole people are
            dealt where they are known, else what the corpus keeps together: a video, equal texts
            or images.
        target: the group that is left out, for leave_group_out.
        fold: which fold is tested, from 0.
        folds: number of folds.

    Raises:
        ValueError: naming the setting that does not fit.

    Example:
        >>> GroupProtocol("leave_group_out", "corpus", "emodb").name
        'leave_group_out column=corpus value=emodb'
    """

    kind: Literal["folds", "leave_group_out"]
    column: str = ""
    target: str = ""
    fold: int = 0
    folds: int = 5
    sources: ClassVar[tuple[str, ...]] = ()
    without: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        if self.column and self.column not in GROUPS:
            raise ValueError(
                f"the protocol {self.kind} has column={self.column}: use one of {', '.join(GROUPS)}"
            )
        if self.kind == "folds":
            if self.target:
                raise ValueError("the protocol folds takes no value: leave_group_out does")
            check_fold(self.fold, self.folds)
        elif not (self.column and self.target):
            raise ValueError(
                "the protocol leave_group_out needs a column and a group, such as "
                "leave_group_out column=speaker value=anna"
            )

    @property
    def name(self) -> str:
        """The protocol in the words that `read_groups` reads."""
        column = [f"column={self.column}"] if self.column else []
        if self.kind == "folds":
            return " ".join(["folds", *column, f"fold={self.fold}", f"folds={self.folds}"])
        return " ".join([self.kind, *column, f"value={self.target}"])


def check_fold(fold: int, folds: int) -> None:
    """Pass where there is such a fold.

    Raises:
        ValueError: naming both numbers.
    """
    if not (folds >= 2 and 0 <= fold < folds):
        raise ValueError(
            f"expected at least 2 folds and a fold from 0 to folds - 1, got fold={fold} "
            f"folds={folds}"
        )


def read_groups(words: str | None) -> tuple[GroupProtocol | None, str | None]:
    """Take a protocol of groups out of the words of ``data.protocol``.

    Args:
        words: of data.protocol; None is none.

    Returns:
        The protocol, None where the words name none; and the other words, which the corpus reads
        (a rate of frames, a configuration of the hub), None where there are none.

    Raises:
        ValueError: if a number or a column is none.

    Example:
        >>> read_groups("folds fold=2 fps=5")
        (GroupProtocol(kind='folds', column='', target='', fold=2, folds=5), 'fps=5')
        >>> read_groups("leave_group_out column=subject value=Ann Lee")[0].target
        'Ann Lee'
        >>> read_groups("folds target=de"), read_groups("single_label")
        ((None, 'folds target=de'), (None, 'single_label'))
    """
    head, _, value = f" {words or ''}".partition(" value=")
    pairs = [word.partition("=") for word in head.split()]
    keys = [key for key, _, _ in pairs]
    if "target" in keys or not {*_KINDS, "fold"} & set(keys):
        return None, words or None
    found: dict[str, Any] = {"kind": "folds", "target": value.strip()}
    rest = []
    for key, equals, given in pairs:
        if not equals and key in _KINDS:
            found["kind"] = key
        elif key in ("fold", "folds"):
            if not given.isdigit():
                raise ValueError(
                    f"the protocol {words!r} has the word '{key}={given}': expected fold=<int>, "
                    "folds=<int>"
                )
            found[key] = int(given)
        elif key == "column":
            found[key] = given
        else:
            rest.append(f"{key}{equals}{given}")
    return GroupProtocol(**found), " ".join(rest) or None
