from __future__ import annotations

import logging
import socket

import pytest

from affectrep.data.hub import is_hub_id, load_hub

datasets = pytest.importorskip("datasets")


def test_what_reads_as_a_hub_id(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert is_hub_id("owner/name")
    (tmp_path / "owner" / "name").mkdir(parents=True)
    for root in ("owner/name", "name", "./owner", "/a/b", "a/b/c", "../b"):
        assert not is_hub_id(root)


def test_a_loaded_data_set_is_given_by_split(monkeypatch):
    part = datasets.Dataset.from_dict({"text": ["a"]})
    seen = {}

    def load(name, config, revision):
        seen.update(name=name, config=config, revision=revision)
        return datasets.DatasetDict({"train": part, "dev": part})

    monkeypatch.setattr(datasets, "load_dataset", load)
    found = load_hub("owner/name", "plain", instead="Set data.root.", revision="x")
    assert sorted(found) == ["train", "validation"]
    assert seen == {"name": "owner/name", "config": "plain", "revision": "x"}
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: {"fold1": part})
    with pytest.raises(ValueError, match=r"owner/name has the splits fold1, .* Set data\.root\."):
        load_hub("owner/name", instead="Set data.root.")


def test_an_unreachable_hub_says_what_would_serve(monkeypatch):
    def unreachable(*_, **__):
        raise ConnectionError("no route\nsecond line")

    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    with pytest.raises(ValueError, match="did not give owner/name") as caught:
        load_hub("owner/name", instead="Set data.root to a folder.")
    assert "no route" in str(caught.value)
    assert "second line" not in str(caught.value)
    assert str(caught.value).endswith("Set data.root to a folder.")


@pytest.mark.parametrize("network", [True, False])
def test_without_a_network_the_client_does_not_retry(monkeypatch, network):
    from huggingface_hub import constants

    def look_up(*_):
        if not network:
            raise OSError("no name service")
        return []

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr("affectrep.data.hub.getproxies", dict)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    seen = []

    def load(*_, **__):
        seen.append((constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE))
        raise ConnectionError("gone")

    level = logging.getLogger("huggingface_hub").level
    monkeypatch.setattr(datasets, "load_dataset", load)
    with pytest.raises(ValueError, match="gone"):
        load_hub("owner/name", instead="")
    assert seen == [(not network, not network)]
    assert (constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE) == (False, False)
    assert logging.getLogger("huggingface_hub").level == level
