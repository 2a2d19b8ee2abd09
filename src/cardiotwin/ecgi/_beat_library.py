"""Simulated beats from random pacing sites, many at once, for methods that learn from them."""

from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from .._checks import check_array, check_count, check_number
from .._errors import InputError, NumericsError
from .._types import ArrayLike
from ..geometry import PaperLaplacian, Surface
from ..tissue import (
    AlievPanfilov,
    Drive,
    EdgeDiffusion,
    ExplicitHeun,
    IonicModel,
    State,
    SurfaceLaplacian,
    diffusion_matrix,
    diffusion_rate,
    edge_diffusion,
    nearest_nodes,
    rollout,
)

CHUNK = 16
"""Beats that are simulated side by side."""


class Beats(NamedTuple):
    """Some simulated beats, in 32 bits.

    Attributes:
        potentials: (n_beats, n_nodes, n_times) u.
        recovery: (n_beats, n_nodes, n_times) v.
        factors: (n_beats,) D of the beat over the D that was asked for.
    """

    potentials: Float[np.ndarray, "n_beats n_nodes n_times"]
    recovery: Float[np.ndarray, "n_beats n_nodes n_times"]
    factors: Float[np.ndarray, " n_beats"]


@dataclass(frozen=True, eq=False)
class RandomBeats:
    """Draw beats that begin at random sites.

    Sites are nodes, each as likely as its area; the nodes around a site are set to u = 1, the first
    site at the first instant, a second one up to ``latest_tu`` later.

    Args:
        two_sites: share of the beats that have a second site.
        latest_tu: when the second site may be excited at the latest, time units.
        diffusion_spread: D is multiplied by a factor between 1 − spread and 1 + spread.
        paced_share: share of all nodes that a site excites (at least three nodes).
        exclude_mm: (n_points, 3) points near which no site is taken, for instance those that a
            test will use; None for none.
        margin_mm: how near.
        model: ionic model.
        diffusion: D in mm² per time unit.
        laplacian: surface operator.

    Raises:
        InputError: a setting out of range; when used: no site left.

    >>> from cardiotwin.geometry import zoo
    >>> beats = RandomBeats().draw(zoo.sphere(42, radius_mm=30.0), 3, n_times=9, seed=0)
    >>> beats.potentials.shape, beats.potentials[:, :, 0].sum(axis=1).tolist()
    ((3, 42, 9), [3.0, 3.0, 3.0])
    """

    two_sites: float = 0.3
    latest_tu: float = 8.0
    diffusion_spread: float = 0.1
    paced_share: float = 12 / 1094
    exclude_mm: ArrayLike | None = None
    margin_mm: float = 20.0
    model: IonicModel = field(default_factory=AlievPanfilov)
    diffusion: float = 10.0
    laplacian: SurfaceLaplacian = field(default_factory=PaperLaplacian)

    def __post_init__(self):
        check_number(self.two_sites, "two_sites", at_least=0, at_most=1)
        check_number(self.latest_tu, "latest_tu", at_least=0)
        check_number(self.diffusion_spread, "diffusion_spread", at_least=0, below=1)
        check_number(self.paced_share, "paced_share", above=0, at_most=1)
        check_number(self.margin_mm, "margin_mm", at_least=0)
        check_number(self.diffusion, "diffusion", above=0)
        if self.exclude_mm is not None:
            points = check_array(self.exclude_mm, "exclude_mm", shape=("n_points", 3))
            object.__setattr__(self, "exclude_mm", points)

    def draw(
        self,
        heart: Surface,
        n_beats: int,
        *,
        n_times: int,
        seed: int | np.random.SeedSequence,
        sample_step_tu: float = 0.1,
    ) -> Beats:
        """Return simulated beats.

        Args:
            heart: surface, nodes in mm.
            n_beats: how many.
            n_times: number of instants, the first (when the first site is excited) included.
            seed: of sites, instants and factors.
            sample_step_tu: distance of the instants, time units.

        Raises:
            NumericsError: a simulation left the numbers.
        """
        check_count(n_beats, "n_beats")
        rng = np.random.default_rng(seed)
        matrix = diffusion_matrix(heart, self.diffusion, self.laplacian)
        # A step for the fastest beat: the factor enlarges D.
        rate = diffusion_rate(matrix, self.laplacian.mass(heart)) * (1 + self.diffusion_spread)
        stepper = ExplicitHeun()
        steps = stepper.steps_per_sample(
            sample_step_tu, diffusion_rate=rate, reaction_rate=self.model.fastest_rate()
        )
        table = edge_diffusion(matrix)
        single = partial(np.asarray, dtype=np.float32)
        recipe = (stepper.recipe(), n_times, steps)
        model = jax.tree.map(single, self.model)
        step = single(sample_step_tu / steps)
        table = EdgeDiffusion(table.neighbors, jnp.asarray(np.asarray(table.weights), "float32"))
        # Whole chunks, so that one compiled program serves any number of beats.
        n_drawn = -(-n_beats // CHUNK) * CHUNK
        first, second, factors = self._layout(heart, n_drawn, rng)
        n_steps = (n_times - 1) * steps
        onsets = rng.uniform(0, self.latest_tu, n_drawn) / sample_step_tu * steps
        hits = np.arange(n_steps) == onsets.astype(int)[:, None]
        found = [
            _simulate(model, table, step, recipe, *(part[k : k + CHUNK] for part in parts))
            for parts in [(first, second, single(hits), factors)]
            for k in range(0, n_drawn, CHUNK)
        ]
        u, v = (np.concatenate(parts)[:n_beats] for parts in zip(*found, strict=True))
        if not (np.isfinite(u).all() and np.isfinite(v).all()):
            raise NumericsError(
                "A simulated beat is not finite. Take a smaller D or finer samples."
            )
        return Beats(u, v, factors[:n_beats])

    def _layout(
        self, heart: Surface, n_beats: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """First site as u at the start, second as what is set later (NaN: nothing), factors."""
        n_paced = max(3, round(self.paced_share * heart.n_nodes))
        chance = heart.node_areas_mm2.copy()
        if self.exclude_mm is not None:
            gaps = heart.vertices_mm[:, None] - np.asarray(self.exclude_mm)
            chance[np.linalg.norm(gaps, axis=2).min(axis=1) < self.margin_mm] = 0.0
        if not chance.any():
            raise InputError(
                "margin_mm",
                found=f"{self.margin_mm:g}",
                expected="a margin that leaves sites to draw",
            )
        chance /= chance.sum()
        sites = rng.choice(heart.n_nodes, size=(2, n_beats), p=chance)
        patches = np.zeros((heart.n_nodes, heart.n_nodes), dtype=bool)
        for site in np.unique(sites):
            patches[site, nearest_nodes(heart, heart.vertices_mm[site], n_nodes=n_paced)] = True
        first = patches[sites[0]].astype(np.float32)
        second = np.where(patches[sites[1]], np.float32(1), np.float32(np.nan))
        second[rng.uniform(size=n_beats) >= self.two_sites] = np.nan
        spread = rng.uniform(-self.diffusion_spread, self.diffusion_spread, n_beats)
        return first, second, np.float32(1 + spread)


@partial(jax.jit, static_argnames="recipe")
def _simulate(
    model: IonicModel,
    table: EdgeDiffusion,
    step_tu: Array,
    recipe: tuple,
    first: Array,
    second: Array,
    hits: Array,
    factors: Array,
) -> tuple[Float[Array, "n_beats n_nodes n_times"], Float[Array, "n_beats n_nodes n_times"]]:
    stepper, n_times, steps_per_sample = recipe

    def one(u: Array, later: Array, hit: Array, factor: Array) -> State:
        n_steps = hit.shape[0]
        nothing = jnp.zeros((0, u.size), u.dtype), jnp.zeros((n_steps, 0), u.dtype)
        return rollout(
            model,
            table.scaled(factor),
            State(u, jnp.zeros_like(u)),
            stepper=stepper,
            step_tu=step_tu,
            n_times=n_times,
            steps_per_sample=steps_per_sample,
            drive=Drive(*nothing, later[None], hit[:, None]),
        )

    beats = jax.vmap(one)(first, second, hits, factors)
    return beats.u.swapaxes(1, 2), beats.v.swapaxes(1, 2)
