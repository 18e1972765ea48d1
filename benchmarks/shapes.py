"""The parameter shapes of three models: a small one, ResNet-50 (161 tensors, 25.6 M) and GPT-2 (148, 124 M)."""

Shape = tuple[int, ...]


def small() -> list[Shape]:
    """Four tensors, 9.6 k elements: what a course trains."""
    return [(64, 64), (64,), (84, 64), (84,)]


def resnet50() -> list[Shape]:
    """He et al., 2015, with batch norm."""
    shapes: list[Shape] = [(64, 3, 7, 7), (64,), (64,)]
    inputs = 64
    for width, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for block in range(blocks):
            shapes += [(width, inputs, 1, 1), *_norm(width), (width, width, 3, 3), *_norm(width)]
            shapes += [(4 * width, width, 1, 1), *_norm(4 * width)]
            if block == 0:
                shapes += [(4 * width, inputs, 1, 1), *_norm(4 * width)]
            inputs = 4 * width
    return [*shapes, (1000, 2048), (1000,)]


def gpt2(d: int = 768, layers: int = 12) -> list[Shape]:
    """Radford et al., 2019, the smallest."""
    layer = [(d,), (d,), (3 * d, d), (3 * d,), (d, d), (d,), (d,), (d,), (4 * d, d), (4 * d,), (d, 4 * d), (d,)]
    return [(50257, d), (1024, d), *(layer * layers), (d,), (d,)]


def _norm(width: int) -> list[Shape]:
    return [(width,), (width,)]


def many_small(tensors: int = 150) -> list[Shape]:
    """As many tensors of 64 elements: what a step costs beside its arithmetic."""
    return [(64,)] * tensors


MODELS = {"4 small": small, "150 small": many_small, "ResNet-50": resnet50, "GPT-2": gpt2}
