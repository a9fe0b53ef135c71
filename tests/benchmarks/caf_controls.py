"""Where the released code's lead comes from, and CAF at a better rate, from the records.

    python -m tests.benchmarks.caf_controls
    python -m tests.benchmarks.caf_controls --page recipes/fer_av/README.md

Two controls take the code apart: ``ferplus_caf_code_blind`` takes every step without the
adversary's gradient, ``ferplus_plain_betas`` has the code's betas of Adam and one step a batch.
``ferplus_plain_tuned`` and ``ferplus_caf_tuned`` both have the rate and betas that plain regression
is best with on validation.
Each line is one difference in CCC, paired over rows and the seeds that both have.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.caf_table import PLAIN, lead, leads, mean_and_sd, seed_values
from tests.benchmarks.marked_page import print_or_write

__all__ = ["PAIRS", "main", "table"]

NAME = "caf_controls"
_CODE, _BLIND, _BETAS = "ferplus_caf_code", "ferplus_caf_code_blind", "ferplus_plain_betas"
_CAF, _PLAIN_TUNED, _CAF_TUNED = "ferplus_caf", "ferplus_plain_tuned", "ferplus_caf_tuned"
PAIRS = (  # the system, what it is set against, what differs
    (_CODE, PLAIN, "all of it"),
    (_CODE, _BLIND, "the adversary's gradient"),
    (_BLIND, PLAIN, "all of it but the adversary's gradient"),
    (_BLIND, _BETAS, "a second step of the same Adam in each batch"),
    (_BETAS, PLAIN, "betas of .5 and .9 for .9 and .999"),
    (_CAF_TUNED, _PLAIN_TUNED, "the adversary, both at the better rate"),
    (_PLAIN_TUNED, PLAIN, "rate .006 for .003, betas of .5 and .9"),
    (_CAF_TUNED, _CAF, "rate .006 for .003, betas of .5 and .9"),
    (_CODE, _PLAIN_TUNED, "all of the code, against regression at the better rate"),
    ("ferplus_alexnet_caf", "ferplus_alexnet_plain", "the adversary, in the paper's AlexNet"),
    ("ferplus_augmented", PLAIN, "RandAugment, half as many epochs again"),
)


def table(root: Path) -> str:
    """Return a line a pair, also of those that were not run."""
    values = seed_values(root)
    lines = [
        "| system | against | what differs | seeds, CCC | seeds, CCC of the other | difference |",
        "|---|---|---|---|---|---|",
    ]
    for name, other, question in PAIRS:
        found = leads(root, other, [name])
        over = lead(found[name])[0] if name in found else "not run"
        own = [", ".join(mean_and_sd(values.get(one, []))) for one in (name, other)]
        lines.append(f"| `{name}` | `{other}` | {question} | {own[0]} | {own[1]} | {over} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, or write it into a page."""
    print_or_write(arguments, __doc__, NAME, table)


if __name__ == "__main__":
    main()
