"""Tensors of torch: every dtype, view and layout comes back, on every back-end, in part and mapped."""

import contextlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pyiron_storage as ps

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:torch", "ignore:.*(ComplexHalf|quantize|nested|[Ss]parse)")
SUFFIXES = [".h5", ".json", ".jsondir"]


class Labelled(torch.Tensor):
    """A tensor with attributes."""


@pytest.fixture(params=[*SUFFIXES, "memory"])
def storage(request):
    with ps.MemoryStorage() if request.param == "memory" else ps.open_storage(f"t{request.param}") as storage:
        yield storage


def same(left, right):
    assert type(left) is type(right)
    assert (left.dtype, left.layout, left.device) == (right.dtype, right.layout, right.device)
    assert left.requires_grad == right.requires_grad
    assert vars(left) == vars(right)
    if left.is_quantized:
        return torch.equal(left.int_repr(), right.int_repr()) and left.qscheme() == right.qscheme()
    assert left.is_nested or left.shape == right.shape
    if left.is_nested:
        return all(map(torch.equal, left.unbind(), right.unbind()))
    if left.layout is not torch.strided:
        return torch.equal(left.to_dense(), right.to_dense())
    assert (left.stride(), left.storage_offset()) == (right.stride(), right.storage_offset())
    assert (left.is_conj(), left.is_neg()) == (right.is_conj(), right.is_neg())
    left, right = left.detach(), right.detach()
    return left.device.type == "meta" or bytes(left.untyped_storage()) == bytes(right.untyped_storage())


def strided():
    plain, numbers = torch.arange(12.0), torch.randn(3, dtype=torch.complex64)
    parameter = torch.nn.Parameter(torch.ones(2, 2), requires_grad=False)
    parameter.tag = "frozen"
    labelled = torch.arange(3.0).as_subclass(Labelled)
    labelled.labels = ["a", "b"]
    return {
        "plain": plain,
        "scalar": torch.tensor(3.5),
        "empty": torch.empty(0, 3),
        "transposed": plain.reshape(3, 4).T,
        "steps": plain[1::3],
        "expanded": torch.ones(1).expand(5),
        "bits": plain.view(torch.int32),
        "conj": numbers.conj(),
        "neg": numbers.conj().imag,
        "meta": torch.empty((2, 3), device="meta"),
        "leaf": torch.ones(3, requires_grad=True),
        "no leaf": torch.ones(3, requires_grad=True) * 2,
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "frozen": parameter,
        "buffer": torch.nn.Buffer(torch.ones(2)),
        "labelled": labelled,
        "big": torch.randn(300, 300),
    }


def others():
    ones = torch.arange(12.0)
    return {
        "coo": torch.eye(3).to_sparse(),
        "twice": torch.sparse_coo_tensor([[0, 0]], [1.0, 2.0], (3,)),
        "csr": torch.eye(3).to_sparse_csr(),
        "csc": torch.eye(3).to_sparse_csc(),
        "bsr": torch.eye(4).to_sparse_bsr((2, 2)),
        "bsc": torch.eye(4).to_sparse_bsc((2, 2)),
        "quantized": torch.quantize_per_tensor(ones, 0.5, 3, torch.quint8),
        "channels": torch.quantize_per_channel(
            torch.ones(2, 3), torch.tensor([0.1, 0.2]), torch.tensor([0, 1]), 0, torch.qint8
        ),
        "nested": torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
    }


def dtypes():
    """A tensor of each dtype that can be made, over bytes that are all different."""
    found = {}
    for dtype in {getattr(torch, name) for name in dir(torch) if isinstance(getattr(torch, name), torch.dtype)}:
        storage = torch.arange(32, dtype=torch.uint8).untyped_storage()
        with contextlib.suppress(RuntimeError):
            found[str(dtype)] = torch.empty(0, dtype=dtype).set_(storage, 0, (32 // dtype.itemsize,), (1,))
    assert len(found) > 20
    return {name: tensor for name, tensor in found.items() if not tensor.is_quantized}


@pytest.mark.parametrize("make", [strided, others, dtypes])
def test_tensors_come_back(make, storage):
    made = make()
    storage["x"] = made
    loaded = storage.load("x")
    assert all(same(tensor, loaded[name]) for name, tensor in made.items())
    for name, tensor in made.items():
        storage["many"] = [tensor, *(make()[name] for _ in range(9))]
        many = storage.load("many")
        assert len(many) == 10
        assert same(tensor, many[0])
        assert type(many[9]) is type(tensor)


def test_tensors_over_one_storage_stay_so(storage):
    whole = torch.arange(30_000.0)
    views = [whole[2:], whole, whole.reshape(100, 300).T, whole.view(torch.int32), whole.detach()]
    storage["x"] = {"views": views, "tied": [whole, whole]}
    loaded = storage.load("x")
    loaded["views"][1][5] = -7
    assert loaded["views"][0][3] == loaded["views"][2][5, 0] == -7
    assert len({id(view.untyped_storage()) for view in loaded["views"]}) == 1
    assert loaded["tied"][0] is loaded["tied"][1] is loaded["views"][1]


def test_saving_changes_nothing_of_a_tensor(storage):
    tensor = torch.zeros(4)
    storage["x"] = [tensor]
    assert tensor.untyped_storage().resizable()


def test_modules_and_optimizers_come_back(storage):
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.randn(5, 3)).sum().backward()
    optimizer.step()
    storage["x"] = {"model": model, "optimizer": optimizer, "state": model.state_dict()}
    loaded = storage.load("x")
    assert loaded["optimizer"].param_groups[0]["params"][0] is loaded["model"][0].weight
    assert loaded["state"]["0.weight"].untyped_storage() is loaded["model"][0].weight.untyped_storage()
    assert loaded["state"]._metadata == model.state_dict()._metadata
    model.eval(), loaded["model"].eval()
    assert torch.equal(model(torch.ones(2, 3)), loaded["model"](torch.ones(2, 3)))
    assert storage["x/optimizer/param_groups/0/lr"] == 0.001


def test_values_of_torch_come_back(storage):
    values = [
        torch.float32,
        torch.bfloat16,
        torch.device("cpu"),
        torch.strided,
        torch.channels_last,
        torch.Size([2, 3]),
    ]
    storage["x"] = values
    assert storage.load("x") == values
    assert type(storage.load("x")[-1]) is torch.Size
    generator = torch.Generator()
    generator.manual_seed(3)
    storage["g"] = generator
    assert torch.equal(torch.rand(3, generator=storage.load("g")), torch.rand(3, generator=generator))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_parts_of_tensors_are_read_and_written(suffix):
    whole = torch.arange(30_000.0).reshape(100, 300)
    ps.save({"whole": whole, "view": whole[10:].T, "bits": whole.view(torch.int32)}, f"t{suffix}")
    with ps.open_storage(f"t{suffix}") as storage:
        assert storage.array("object/whole")[3:5, ::2].tolist() == whole[3:5, ::2].tolist()
        assert storage.array("object/view")[5, -3:].tolist() == whole[10:].T[5, -3:].tolist()
        assert storage.array("object/bits")[0, 1] == np.float32(1).view(np.int32)
        storage.array("object/view")[0, 0] = -1
        info = storage.info("object/whole")
        assert (info.kind, info.type, info.dtype, info.shape, info.size) == (
            "array",
            "torch.Tensor",
            "float32",
            (100, 300),
            120_000,
        )
        with pytest.raises(ps.UnsupportedOperationError, match="cannot be resized"):
            storage.array("object/whole").append(np.zeros((1, 300), np.float32))
    assert ps.load(f"t{suffix}", "whole", trust="data")[10, 0] == -1
    mapped = ps.load(f"t{suffix}", "whole", mmap=True)
    mapped[0, 0] = 99  # stays in this process
    assert ps.load(f"t{suffix}", "whole")[0, 0] == 0
    assert ps.check(f"t{suffix}").findings == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_another_process_looks_without_torch_and_loads(suffix):
    ps.save({"whole": torch.arange(12.0), "half": torch.ones(3).bfloat16()}, f"t{suffix}")
    script = f"""
        import sys, pyiron_storage as ps
        with ps.open_storage("t{suffix}", "r") as storage:
            assert storage.array("object/whole")[2] == 2 and len(list(storage.walk())) == 3
        shown = str(ps.browse("t{suffix}"))
        assert "torch.Tensor of float32 (12,), 48 B  0, 1, 2, 3" in shown and "bfloat16 (3,), 6 B" in shown, shown
        assert "torch" not in sys.modules
        assert ps.load("t{suffix}", trust="data")["whole"].sum() == 66
    """
    lines = "\n".join(
        line.strip() if "assert storage" not in line else "    " + line.strip() for line in script.splitlines()
    )
    done = subprocess.run(
        [sys.executable, "-c", lines],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(Path(ps.__file__).parents[1])},
    )
    assert done.returncode == 0, done.stderr


def test_devices_are_mapped_as_torch_does():
    ps.save({"x": torch.arange(3.0)}, "t.h5")
    for place in ("meta", torch.device("meta"), {"cpu": "meta"}):
        assert ps.load("t.h5", "x", map_location=place).device.type == "meta"
    seen = []
    assert ps.load("t.h5", "x", map_location=lambda storage, device: seen.append(device)).tolist() == [0, 1, 2]
    assert seen == ["cpu"]
    with pytest.raises(ps.StorageError, match="map_location"):
        ps.load("t.h5", "x", map_location="cuda:7")
    ps.save({"x": torch.arange(3.0, requires_grad=True)}, "t.json")  # as one that was saved where there is a GPU:
    text = Path("t.json").read_text().replace('"requires_grad"', '"device": "cuda:0", "requires_grad"')
    Path("t.json").write_text("\n".join(line for line in text.splitlines() if '"check"' not in line))
    with pytest.warns(ps.StorageWarning, match=r"cuda:0.*map_location"):
        assert ps.load("t.json", "x").device.type == "cpu"
    assert ps.load("t.json", "x", map_location="cpu").tolist() == [0, 1, 2]
    ps.save({"x": torch.empty(2, device="meta")}, "meta.h5")
    assert ps.load("meta.h5", "x").device.type == "meta"


@pytest.mark.parametrize(
    "change",
    [
        lambda node: node.update(shape=[99]),
        lambda node: node.update(shape=[-1]),
        lambda node: node.update(offset=11),
        lambda node: node.update(stride=[5, 5]),
        lambda node: node.update(dtype="load"),
        lambda node: node.update(dtype="float128"),
        lambda node: node.pop("shape"),
        lambda node: node.update(value=[1, 2]),
    ],
)
def test_a_tensor_that_does_not_lie_in_its_storage_is_refused(change):
    from pyiron_storage.records.decoder import Decoder
    from pyiron_storage.records.document import Record
    from pyiron_storage.records.encoder import Encoder

    record = Record()
    Encoder(record).root(torch.arange(3.0))
    change(record.node(2))
    record.touch(2)
    with pytest.raises(ps.StorageError):
        Decoder(record).root()
