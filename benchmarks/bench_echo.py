"""Speed of clips: made, segmented, read, and a training step beside the paper's video network."""

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from cardiotwin.echo import (
    PaperNetwork,
    Phantom,
    encode,
    predict,
    segment,
    shipped_model,
    shipped_twins,
)
from cardiotwin.studies._echo_speed import N_FRAMES, VideoBatches, paper_step, twin_steps

SEED = 77
STEP = "training step, 8 clips of 16 frames, forward and backward"
CLIP = "one synthetic clip"
NETWORK = "segmentation network, 16 frames of 112 × 112, forward and backward"


@pytest.fixture(scope="module")
def phantom():
    return Phantom(views=("A4C", "A2C"), n_frames=N_FRAMES)


@pytest.fixture(scope="module")
def one():
    return Phantom(views=("A4C",)).clip(0, SEED)


@pytest.mark.benchmark(group=STEP)
def test_five_layers_of_3d_convolutions(benchmark, phantom):
    clips, truth = (jnp.asarray(part) for part in VideoBatches(phantom, SEED)(0))
    step = paper_step(PaperNetwork(2, key=jax.random.key(SEED)), clips, truth)
    benchmark.pedantic(step, rounds=3, warmup_rounds=1)


@pytest.mark.benchmark(group=STEP)
def test_twins_look_at_frames(benchmark, phantom):
    """Once a clip; with it, a step is the sum of this and the next."""
    look, _ = twin_steps(shipped_model(), shipped_twins(), phantom, SEED)
    benchmark.pedantic(look, rounds=5, warmup_rounds=1)


@pytest.mark.benchmark(group=STEP)
def test_twins_on_encodings_that_are_kept(benchmark, phantom):
    _, kept = twin_steps(shipped_model(), shipped_twins(), phantom, SEED)
    benchmark.pedantic(kept, rounds=50, warmup_rounds=1)


@pytest.mark.benchmark(group=NETWORK)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_gradient_of_the_segmentation(benchmark, precision):
    """Half precision is not used: it has to be faster first."""
    network = jax.tree.map(
        lambda leaf: leaf.astype(precision) if eqx.is_inexact_array(leaf) else leaf,
        shipped_model().network,
    )
    frames = jax.random.uniform(jax.random.key(SEED), (16, 112, 112, 3)).astype(precision)
    step = eqx.filter_jit(
        eqx.filter_grad(lambda own: jnp.mean(own.maps(frames).logits.astype(jnp.float32) ** 2))
    )
    benchmark.pedantic(lambda: jax.block_until_ready(step(network)), rounds=5, warmup_rounds=1)


def test_clip_of_16_frames_is_made(benchmark, phantom):
    numbers = iter(range(1_000))
    benchmark.pedantic(lambda: phantom.clip(next(numbers), SEED), rounds=40, warmup_rounds=2)
    benchmark.extra_info["clips_a_minute"] = round(60 / benchmark.stats.stats.mean)


@pytest.mark.benchmark(group=CLIP)
def test_segmented(benchmark, one):
    benchmark.extra_info["frames"] = len(one.clip.frames)
    found = benchmark.pedantic(segment, (one.clip,), rounds=5, warmup_rounds=1)
    assert abs(found.ef_percent - one.ef_percent) < 15


@pytest.mark.benchmark(group=CLIP)
def test_parameters_read_from_its_encoding(benchmark, one):
    twins, encoding = shipped_twins(), encode(segment(one.clip))
    twins.read(encoding)
    benchmark(twins.read, encoding)


@pytest.mark.benchmark(group=CLIP)
def test_predicted(benchmark, one):
    benchmark.pedantic(predict, (one.clip,), rounds=5, warmup_rounds=1)
