"""Sparse gradients: torch's results, no slice touched that the gradient has not, and nothing beyond."""

import pytest
import torch
from torch.nn import Parameter

import steepest
from support.configurations import TABLE
from support.memory import GUARD, Guarded, contiguous, every_second

pytestmark = pytest.mark.filterwarnings("ignore:Sparse invariant checks")  # torch's own Adagrad makes it

LAZY = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "maximize": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "dampening": 0.0}),
    ("Adagrad", {"lr": 0.1}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.5, "maximize": True}),
    ("SparseAdam", {"lr": 0.1}),
    ("SparseAdam", {"lr": 0.1, "betas": (0.5, 0.7), "eps": 1e-3, "maximize": True}),
]
lazy = pytest.mark.parametrize(("name", "options"), LAZY, ids=str)


def gradients(rows: int, width: tuple[int, ...], dtype: torch.dtype, steps: int = 5) -> list[torch.Tensor]:
    """Uncoalesced COO gradients: some slices twice, most not at all, one step none."""
    random = torch.Generator().manual_seed(1)
    found = []
    for count in [3, rows, 0, 1, 7][:steps]:
        index = torch.randint(0, rows, (1, count), generator=random)
        values = torch.randn(count, *width, generator=random, dtype=dtype)
        found.append(torch.sparse_coo_tensor(index, values, (rows, *width), check_invariants=True))
    return found


@lazy
@pytest.mark.parametrize("width", [(), (1,), (3,), (17,), (4, 5)], ids=str)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.complex128], ids=str)
def test_the_results_are_torchs(name, options, width, dtype):
    if name == "SparseAdam" and dtype.is_complex:
        with pytest.raises(ValueError, match="does not support complex"):
            steepest.SparseAdam([Parameter(torch.ones(2, dtype=dtype))])
        return
    if name == "Adagrad" and dtype.is_complex:
        pytest.skip("torch squares a sparse complex gradient as a complex number, a dense one by its parts: see below")
    runs = []
    for library in (steepest, torch.optim):
        p = Parameter(
            torch.linspace(-1, 1, 11 * 20, dtype=dtype)[: 11 * max(1, torch.Size(width).numel())].view(11, *width)
        )
        optimizer = getattr(library, name)([p], **options)
        for g in gradients(11, width, dtype):
            p.grad = g
            optimizer.step()
        runs.append((p.detach(), optimizer.state_dict()["state"].get(0, {})))
    (ours, state), (theirs, expected) = runs
    rtol, atol = (1e-5, 1e-6) if dtype is torch.float32 else (1e-12, 1e-12)
    torch.testing.assert_close(ours, theirs, rtol=rtol, atol=atol)
    assert [*state] == [*expected]
    for key, value in expected.items():
        wanted = value.to_dense() if isinstance(value, torch.Tensor) and value.is_sparse else value
        torch.testing.assert_close(state[key], wanted, rtol=rtol, atol=atol)


@pytest.mark.parametrize("options", [{"lr": 0.1}, {"lr": 0.1, "initial_accumulator_value": 0.5}], ids=str)
def test_a_complex_slice_is_stepped_by_its_parts_as_dense_ones_are(options):
    z = Parameter(torch.full((11, 3), 1 - 2j, dtype=torch.complex128))
    parts = Parameter(torch.view_as_real(z.detach().clone()))
    ours, theirs = steepest.Adagrad([z], **options), torch.optim.Adagrad([parts], **options)
    for g in gradients(11, (3,), torch.complex128):
        z.grad = g
        whole = g.coalesce()
        values = torch.view_as_real(whole.values())
        parts.grad = torch.sparse_coo_tensor(whole.indices(), values, (11, 3, 2), is_coalesced=True)
        ours.step()
        theirs.step()
    torch.testing.assert_close(torch.view_as_real(z.detach()), parts.detach(), rtol=1e-12, atol=1e-12)


@lazy
def test_slices_that_a_gradient_has_not_are_not_touched(name, options):
    """-0 stays -0, NaN stays NaN: nobody even reads them."""
    p = Parameter(torch.full((9, 4), -0.0))
    with torch.no_grad():
        p[5] = torch.nan
    optimizer = getattr(steepest, name)([p], **options)
    p.grad = torch.sparse_coo_tensor(torch.tensor([[2, 7]]), torch.ones(2, 4), (9, 4), check_invariants=True)
    optimizer.step()
    rest = [0, 1, 3, 4, 6, 8]
    assert (p.detach()[[2, 7]] != 0).all()
    assert p.detach()[5].isnan().all()
    if not options.get("momentum"):  # which steps every slice, by nothing
        assert torch.signbit(p.detach()[rest]).all()


@lazy
@pytest.mark.parametrize("layout", [contiguous, every_second], ids=lambda f: f.__name__)
def test_nothing_beyond_the_parameter_is_written(name, options, layout):
    guarded = Guarded(torch.ones(9, 4), layout((9, 4)))
    p = Parameter(guarded.tensor)
    optimizer = getattr(steepest, name)([p], **options)
    expected = Parameter(torch.ones(9, 4))
    other = getattr(torch.optim, name)([expected], **options)
    for g in gradients(9, (4,), torch.float32):
        p.grad, expected.grad = g, g.clone()
        optimizer.step()
        other.step()
    assert guarded.intact()
    torch.testing.assert_close(p.detach(), expected.detach())
    assert GUARD


@lazy
@pytest.mark.parametrize("wrong", [-1, 9, 2**40])
def test_an_index_outside_is_refused(name, options, wrong):
    p = Parameter(torch.ones(9, 4))
    optimizer = getattr(steepest, name)([p], **options)
    index = torch.tensor([[2, wrong]])
    with torch.sparse.check_sparse_tensor_invariants(enable=False):
        p.grad = torch.sparse_coo_tensor(index, torch.ones(2, 4), (9, 4), is_coalesced=True)
    with pytest.raises((RuntimeError, IndexError)):
        optimizer.step()
    assert torch.equal(p.detach(), torch.ones(9, 4))


@lazy
def test_two_sparse_dimensions(name, options):
    runs = []
    for library in (steepest, torch.optim):
        p = Parameter(torch.ones(3, 4, 5, dtype=torch.float64))
        optimizer = getattr(library, name)([p], **options)
        for step in range(3):
            index, values = torch.tensor([[0, 2, 2], [3, 0, step]]), torch.arange(15.0, dtype=torch.float64).view(3, 5)
            p.grad = torch.sparse_coo_tensor(index, values, (3, 4, 5), check_invariants=True)
            optimizer.step()
        runs.append(p.detach())
    torch.testing.assert_close(*runs, rtol=1e-12, atol=1e-12)


def test_a_large_table_is_stepped_by_several_threads(threads):
    random = torch.Generator().manual_seed(0)
    index = torch.randint(0, 50_000, (1, 20_000), generator=random)
    values = torch.randn(20_000, 64, generator=random)
    results = []
    for count in (1, 2):
        threads(count)
        p = Parameter(torch.ones(50_000, 64))
        optimizer = steepest.Adagrad([p])
        for _ in range(2):
            p.grad = torch.sparse_coo_tensor(index, values, (50_000, 64), check_invariants=True)
            optimizer.step()
        results.append(p.detach())
    assert torch.equal(*results)
    expected = Parameter(torch.ones(50_000, 64))
    theirs = torch.optim.Adagrad([expected])
    for _ in range(2):
        expected.grad = torch.sparse_coo_tensor(index, values, (50_000, 64), check_invariants=True)
        theirs.step()
    torch.testing.assert_close(results[0], expected.detach())


def test_a_torch_checkpoint_with_sparse_momentum_goes_on():
    p, q = Parameter(torch.ones(6, 2)), Parameter(torch.ones(6, 2))
    theirs, ours = torch.optim.SGD([p], lr=0.1, momentum=0.9), steepest.SGD([q], lr=0.1, momentum=0.9)
    for step, g in enumerate(gradients(6, (2,), torch.float32)):
        p.grad = g
        theirs.step()
        if step == 0:
            q.data.copy_(p.data)
            ours.load_state_dict(theirs.state_dict())
        else:
            q.grad = g.clone()
            ours.step()
    torch.testing.assert_close(q.detach(), p.detach())


def test_dense_and_sparse_gradients_by_turns():
    runs = []
    for library in (steepest, torch.optim):
        p, dense = Parameter(torch.ones(6, 2)), Parameter(torch.ones(3))
        optimizer = library.Adagrad([p, dense], lr=0.1)
        for step, g in enumerate(gradients(6, (2,), torch.float32)):
            p.grad = g if step % 2 else g.to_dense()
            dense.grad = torch.ones(3)
            optimizer.step()
        runs.append((p.detach(), dense.detach()))
    torch.testing.assert_close(*runs)


@pytest.mark.parametrize("row", [r for r in TABLE if r.name not in ("SGD", "Adagrad")], ids=lambda r: r.id)
def test_others_refuse_them_in_torchs_words(row):
    p, other = Parameter(torch.ones(4, 2)), Parameter(torch.ones(3))
    optimizer = row.ours([other, p])
    p.grad, other.grad = torch.ones(4, 2).to_sparse(1), torch.ones(3)
    with pytest.raises(RuntimeError, match=rf"{row.name} does not support sparse gradients.*SparseAdam"):
        optimizer.step()
    assert torch.equal(other.detach(), torch.ones(3)), "no parameter of the group was stepped"


@pytest.mark.parametrize("name", ["SGD", "Adagrad"])
def test_weight_decay_is_refused_as_torch_does(name):
    p = Parameter(torch.ones(4, 2))
    optimizer = getattr(steepest, name)([p], lr=0.1, weight_decay=0.1)
    p.grad = torch.ones(4, 2).to_sparse(1)
    with pytest.raises(RuntimeError, match="weight_decay option is not compatible with sparse gradients"):
        optimizer.step()


def test_dense_gradients_are_refused_by_sparse_adam():
    p = Parameter(torch.ones(4, 2))
    p.grad = torch.ones(4, 2)
    with pytest.raises(RuntimeError, match="does not support dense gradients, please consider Adam"):
        steepest.SparseAdam([p]).step()


def test_an_embedding_is_trained():
    """As a user has it: nn.Embedding(sparse=True), gradient accumulation, zero_grad."""
    embedding = torch.nn.Embedding(20, 3, sparse=True)
    optimizer = steepest.SparseAdam(embedding.parameters(), lr=0.05)
    seen = torch.tensor([1, 4, 4, 9])
    before = embedding.weight.detach().clone()
    for _ in range(200):
        optimizer.zero_grad()
        for _ in range(2):
            ((embedding(seen) - 2.0) ** 2).sum().backward()
        optimizer.step()
    unseen = [i for i in range(20) if i not in seen.tolist()]
    assert torch.equal(embedding.weight.detach()[unseen], before[unseen])
    torch.testing.assert_close(embedding.weight.detach()[seen], torch.full((4, 3), 2.0), rtol=0, atol=0.2)
