"""The class memory against a naive queue, its bounds, and its state."""

from __future__ import annotations

import pytest
import torch

from affectrep.objectives.class_memory import ClassMemory


def contents(memory: ClassMemory) -> set[tuple[int, int, int, float]]:
    rows = memory.rows()
    values = (rows.ids, rows.labels, rows.ages, rows.embeddings[:, 0])
    return set(zip(*(value.tolist() for value in values), strict=True))


def test_equals_naive_queues():
    g = torch.Generator().manual_seed(0)
    memory = ClassMemory(3, 2, per_class=5, max_age=4)
    queues: dict[int, list[tuple[int, int, float]]] = {0: [], 1: [], 2: []}
    for step in range(1, 40):
        size = int(torch.randint(0, 12, (1,), generator=g))
        labels = torch.randint(-1, 3, (size,), generator=g)
        ids = torch.arange(size) + 100 * step  # every row is new
        points = torch.randn(size, 2, generator=g)
        memory.push(points, labels, ids)
        for row in range(size):
            if labels[row] >= 0:
                queue = queues[int(labels[row])]
                queue.append((int(ids[row]), step, float(points[row, 0])))
                del queue[:-5]
        expected = {
            (row, label, step - born, value)
            for label, queue in queues.items()
            for row, born, value in queue
            if step - born <= 4
        }
        assert contents(memory) == expected
        assert len(memory) == len(expected)
    assert len(memory) > 5


def test_the_memory_is_bounded():
    memory = ClassMemory(2, 3, per_class=4)
    size = sum(buffer.numel() for buffer in memory.buffers())
    for _ in range(5):
        memory.push(torch.randn(50, 3), torch.arange(50) % 2)
        assert memory.rows().labels.bincount().tolist() == [4, 4]
    assert sum(buffer.numel() for buffer in memory.buffers()) == size
    # a batch larger than the queue leaves its last rows
    memory.push(torch.randn(50, 3), torch.zeros(50).long(), torch.arange(50))
    assert sorted(memory.rows().ids.tolist())[4:] == [46, 47, 48, 49]


def test_rows_that_are_too_old_are_dropped():
    memory = ClassMemory(1, 1, max_age=2)
    memory.push(torch.ones(1, 1), torch.tensor([0]))
    nothing = torch.zeros(0, 1), torch.zeros(0).long()
    for age in (1, 2):
        memory.push(*nothing)
        assert memory.rows().ages.tolist() == [age]
        assert memory.logs()["memory_age"] == memory.logs()["memory_age_highest"] == age
    memory.push(*nothing)
    assert len(memory) == 0
    assert memory.logs()["memory_rows"] == 0


def test_a_row_takes_the_place_of_its_older_copy():
    memory = ClassMemory(2, 1, per_class=8)
    memory.push(torch.tensor([[1.0], [2.0]]), torch.tensor([0, 1]), torch.tensor([5, 6]))
    memory.push(torch.tensor([[3.0], [4.0]]), torch.tensor([0, 0]), torch.tensor([5, 5]))
    assert contents(memory) == {(5, 0, 0, 4.0), (6, 1, 1, 2.0)}
    # unknown ids are never copies of one another
    memory.push(torch.ones(2, 1), torch.tensor([0, 0]))
    assert len(memory) == 4


def test_a_multilabel_row_is_kept_once_under_its_rarest_class():
    memory = ClassMemory(3, 1, per_class=2, multilabel=True)
    memory.push(torch.zeros(2, 1), torch.tensor([[1.0, 0, 0], [1, 0, 0]]))
    memory.push(torch.ones(2, 1), torch.tensor([[1.0, 0, 1], [0, 0, 0]]), torch.tensor([1, 2]))
    assert memory.pushed.tolist() == [2, 0, 1]
    rows = memory.rows()
    assert rows.labels.tolist() == [[1, 0, 0], [1, 0, 0], [1, 0, 1]]
    assert rows.ids.tolist() == [-1, -1, 1]


@pytest.mark.parametrize("multilabel", [False, True])
def test_state_survives_save_and_load(multilabel, tmp_path):
    def labels(g):
        shape = (6, 3) if multilabel else (6,)
        found = torch.randint(0, 2 if multilabel else 3, shape, generator=g)
        return found.float() if multilabel else found

    def memory():
        return ClassMemory(3, 2, per_class=4, max_age=3, multilabel=multilabel)

    g = torch.Generator().manual_seed(0)
    first, second = memory(), memory()
    for _ in range(4):
        first.push(
            torch.randn(6, 2, generator=g), labels(g), torch.randint(0, 9, (6,), generator=g)
        )
    torch.save(first.state_dict(), tmp_path / "memory.pt")
    second.load_state_dict(torch.load(tmp_path / "memory.pt", weights_only=True))
    more = torch.randn(6, 2, generator=g), labels(g), torch.randint(0, 9, (6,), generator=g)
    first.push(*more)
    second.push(*more)
    for one, other in zip(first.rows(), second.rows(), strict=True):
        assert torch.equal(one, other)
    assert len(first) > 3


def test_stored_rows_are_detached_copies_in_float32():
    memory = ClassMemory(1, 2)
    points = torch.ones(1, 2, dtype=torch.float16, requires_grad=True)
    memory.push(points, torch.tensor([0]))
    rows = memory.rows()
    assert rows.embeddings.dtype == torch.float32
    assert not rows.embeddings.requires_grad
    memory.push(torch.zeros(64, 2), torch.zeros(64).long())
    assert rows.embeddings.tolist() == [[1, 1]]  # earlier rows do not change under the reader


@pytest.mark.parametrize(
    ("points", "labels", "ids", "message"),
    [
        (torch.zeros(2, 3), torch.zeros(2).long(), None, "embeddings"),
        (torch.zeros(2, 2), torch.zeros(3).long(), None, "labels"),
        (torch.zeros(2, 2), torch.zeros(2, 2), None, "labels"),
        (torch.zeros(2, 2), torch.zeros(2).long(), torch.zeros(1), "ids"),
        (torch.zeros(2, 2), torch.tensor([0, 2]), None, "below 2 classes"),
    ],
)
def test_wrong_input_is_refused(points, labels, ids, message):
    memory = ClassMemory(2, 2)
    with pytest.raises(ValueError, match=message):
        memory.push(points, labels, ids)
    assert int(memory.clock) == 0


@pytest.mark.parametrize("sizes", [(0, 1), (1, 0)])
def test_wrong_sizes_are_refused(sizes):
    with pytest.raises(ValueError, match="at least 1"):
        ClassMemory(*sizes)
