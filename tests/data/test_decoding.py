from __future__ import annotations

import sys

import pytest

from affectrep.data.decoding import decode, guess_encoding


@pytest.fixture(params=["without charset-normalizer", "as installed"])
def detector(request, monkeypatch):
    if request.param.startswith("without"):
        monkeypatch.setitem(sys.modules, "charset_normalizer", None)


def test_utf8_is_read_with_and_without_a_mark(tmp_path):
    for encoding in ("utf-8", "utf-8-sig"):
        path = tmp_path / "a.csv"
        path.write_bytes("text\nnaïve ✓".encode(encoding))
        assert decode(path) == "text\nnaïve ✓"


@pytest.mark.usefixtures("detector")
def test_another_encoding_is_named_with_line_and_mend(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("text,label\nfine,glad\ncafé “déjà vu”,sad\n".encode("windows-1252"))
    with pytest.raises(ValueError, match="not UTF-8") as caught:
        decode(path)
    message = str(caught.value)
    assert message.startswith(f"{path} is not UTF-8: line 3 holds the byte 0xe9. It looks like ")
    assert "iconv -f" in message
    assert "-t utf-8 a.csv > a-utf8.csv" in message


def test_the_own_guess(monkeypatch):
    monkeypatch.setitem(sys.modules, "charset_normalizer", None)
    assert guess_encoding("“déjà”".encode("windows-1252")) == "windows-1252"
    assert guess_encoding(b"na\xefve \x81") == "iso-8859-1"
    assert guess_encoding("plain words".encode("utf-16-le")) == "utf-16-le"
    assert guess_encoding("plain words".encode("utf-16-be")) == "utf-16-be"
    assert guess_encoding("plain words".encode("utf-32")) == "utf-32"


def test_utf16_without_a_mark_reads_as_utf8_with_nuls_and_is_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("text\nplain\n".encode("utf-16-le"))
    with pytest.raises(ValueError, match="NUL character in line 1: it looks like utf-16-le"):
        decode(path)
    path.write_bytes("text\nplain\n".encode("utf-16"))
    with pytest.raises(ValueError, match=r"line 1 holds the byte 0xff\. It looks like utf-16:"):
        decode(path)
