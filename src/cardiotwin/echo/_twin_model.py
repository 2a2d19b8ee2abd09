"""Trained networks that read parameters from encodings, with what must be known to use them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from .._checks import check_count, check_file
from .._errors import InputError
from .._foreign import foreign_parser
from .._types import PathLike
from ..circulation import Circulation
from ..hemodynamics import Prior, Unknowns
from ..learning._named_arrays import named_arrays, read_arrays, with_arrays
from ._encoding import Encoding
from ._hidden_spread import spread_out
from ._model_files import shipped_folder, write_model
from ._twin_inputs import TwinInputs
from ._twin_losses import LABELS
from ._twin_network import Normal, TwinHead
from ._twin_physics import PERIOD
from ._witnesses import believed_less, drawn_in_turns, together, widened

FORMAT = "cardiotwin echo twins 1"
JSON, NPZ = "twins.json", "twins.npz"


@dataclass(frozen=True, eq=False)
class TwinModel:
    """Networks from encodings to distributions of parameters, whose votes are mixed.

    Attributes:
        heads: trained networks.
        inputs: from encodings to what the networks read.
        unknowns: priors of the parameters; None for a model that was taught volumes directly.
        labels: what was known of the patients of the training: "ef", "volumes" or "curve".
        card: what it was trained on, how, what it reaches, and what it was not validated on;
            from calibration ``"widening"``, a factor on the spreads (see `widened`),
            ``"hidden_trust"``, a matrix that means are multiplied by, their ``"shift"``, and
            ``"hidden_spread"``, a covariance of all draws.
    """

    heads: tuple[TwinHead, ...]
    inputs: TwinInputs
    unknowns: Unknowns | None
    labels: str
    card: Mapping[str, Any]

    @property
    def names(self) -> tuple[str, ...]:
        """Parameters that are read from a clip."""
        if self.unknowns is None:
            raise InputError(
                "model",
                found="one that was taught volumes directly",
                expected="one that was trained through the physics of the circulation",
            )
        return tuple(name for name in self.unknowns.names if name != PERIOD)

    def read(self, encoding: Encoding) -> Normal:
        """Return the distribution that each network gives.

        Args:
            encoding: of one clip, or a batch (n,).

        Returns:
            Mean (n_heads, …, n_unknowns) and root of the covariance.

        Raises:
            InputError: encodings by another segmentation model than that of the training.
        """
        x = jnp.asarray(self.inputs(encoding), jnp.float32)
        found = _read(self.heads, jnp.atleast_2d(x))
        widening = float(self.card.get("widening", 1.0))
        mean, root = (np.asarray(leaf, np.float64) for leaf in found)
        if x.ndim == 1:
            mean, root = mean[:, 0], root[:, 0]
        if "hidden_trust" in self.card:
            mean = mean @ np.asarray(self.card["hidden_trust"]).T
        mean = mean + np.asarray(self.card.get("shift", 0.0))
        if self.unknowns is None:
            return Normal(mean, widening * root)
        return widened(Normal(mean, root), widening)

    def drawn(self, found: Normal, n: int, seed: int) -> Float[np.ndarray, "n *batch n_unknowns"]:
        """Return draws from what was read, an even share of each network.

        What no clip tells is added here, and not in `read`: a second clip of the patient does not
        tell it either.

        Args:
            found: by `read`, or by `together` of several clips.
            n: number of draws.
            seed: of them.
        """
        if "hidden_spread" in self.card:
            found = spread_out(found, np.asarray(self.card["hidden_spread"]))
        return drawn_in_turns(found, n, seed)

    def draw(
        self,
        encodings: Encoding | Sequence[Encoding],
        n: int,
        seed: int,
        doubts: Sequence[float] = (),
    ) -> Float[np.ndarray, "n n_unknowns"]:
        """Return coordinates of `names` drawn from what clips of one patient say together.

        Networks share the draws evenly. Several clips are several witnesses of one patient, each
        of whom knows the prior: N(z | clip₁) N(z | clip₂) / N(z), and so on.

        Args:
            encodings: of one clip, or of several of one patient.
            n: number of draws.
            seed: of them.
            doubts: how many times the usual error is expected of each clip; once by default.

        Raises:
            InputError: no encoding, or one by another segmentation model.
        """
        every = [encodings] if isinstance(encodings, Encoding) else list(encodings)
        if not every:
            raise InputError("encodings", found="none", expected="those of one clip at least")
        n = check_count(n, "n")
        doubts = doubts or [1.0] * len(every)
        read = [believed_less(self.read(own), d) for own, d in zip(every, doubts, strict=True)]
        return self.drawn(together(read), n, seed)

    def save(self, folder: PathLike) -> None:
        """Write `twins.json` and `twins.npz`; weights in half precision."""
        folder = Path(folder)
        priors, fixed = None, None
        if self.unknowns is not None:
            priors = {name: asdict(prior) for name, prior in self.unknowns.priors.items()}
            fixed = {name: float(value) for name, value in self.unknowns.fixed.values().items()}
        first = self.heads[0]
        content = {
            "format": FORMAT,
            "heads": len(self.heads),
            "sizes": [first.layers[0].in_features, first.n_out],
            "width": first.layers[0].out_features,
            "depth": len(first.layers) - 1,
            "labels": self.labels,
            "priors": priors,
            "fixed": fixed,
            "card": dict(self.card),
        }
        arrays = {f"inputs.{k}": v.astype(np.float32) for k, v in self.inputs._asdict().items()}
        for index, head in enumerate(self.heads):
            for name, leaf in named_arrays(head).items():
                arrays[f"{index}.{name}"] = leaf.astype(np.float16)
        write_model(folder / NPZ, arrays, folder / JSON, content)

    @classmethod
    def load(cls, folder: PathLike) -> "TwinModel":
        """Read what `save` wrote.

        Raises:
            FileFormatError: files are missing, damaged, or do not fit together.
        """
        text = check_file(Path(folder) / JSON, "model of twins")
        read = read_arrays(check_file(Path(folder) / NPZ, "model of twins"))
        with foreign_parser(text, FORMAT):
            content = json.loads(text.read_text(encoding="utf-8"))
            if content["format"] != FORMAT:
                raise ValueError(f"format {content['format']!r}")
            n_in, n_out = (int(size) for size in content["sizes"])
            width, depth = int(content["width"]), int(content["depth"])
            n_heads, labels = int(content["heads"]), str(content["labels"])
            if labels not in LABELS:
                raise ValueError(f"labels {labels!r}")
            if not 1 <= n_in <= 10_000 or not 1 <= width <= 4096 or not 1 <= depth <= 16:
                raise ValueError(f"{n_in} inputs, {depth} layers of {width}")
            if not 1 <= n_out <= 100 or not 1 <= n_heads <= 100:
                raise ValueError(f"{n_heads} networks of {n_out} outputs")
            blank = TwinHead(n_in, n_out, width=width, depth=depth, key=jax.random.key(0))
            heads = []
            for index in range(n_heads):
                lead = f"{index}."
                own = {k.removeprefix(lead): v for k, v in read.items() if k.startswith(lead)}
                heads.append(with_arrays(blank, {k: v.astype(np.float32) for k, v in own.items()}))
            priors = content["priors"]
            unknowns = None
            if priors is not None:
                known = {name: Prior(**prior) for name, prior in priors.items()}
                unknowns = Unknowns(known, Circulation(**content["fixed"]))
            card = dict(content["card"])
            squares = {name: (n_out, n_out) for name in ("hidden_trust", "hidden_spread")}
            for name, shape in {"shift": (n_out,), **squares}.items():
                if name in card and np.shape(card[name]) != shape:
                    raise ValueError(f"{name} of shape {np.shape(card[name])}")
            return cls(tuple(heads), _inputs_of(read, n_in), unknowns, labels, card)

    def widened(self, factor: float) -> "TwinModel":
        """Return the model with another widening in its card, see `widened`."""
        return replace(self, card={**self.card, "widening": float(factor)})


@cache
def shipped_twins() -> TwinModel:
    """Return the model that comes with the package, trained on the phantom alone.

    Raises:
        InputError: the package was built without it.
    """
    return TwinModel.load(shipped_folder(JSON, "train-twins"))


def _inputs_of(read: dict[str, np.ndarray], n_in: int) -> TwinInputs:
    own = {name: np.asarray(read[f"inputs.{name}"], np.float64) for name in TwinInputs._fields}
    found = TwinInputs(**own)
    n_looks = len(found.looks_middle)
    shapes = {name: own[name].shape for name in own}
    if not (
        found.middle.shape == found.spread.shape == (n_in,)
        and found.looks_spread.shape == (n_looks,)
        and found.components.shape[1:] == (n_looks,)
    ):
        raise ValueError(f"inputs {shapes} for {n_in} inputs of the networks")
    return found


@eqx.filter_jit
def _read(heads: Any, inputs: Any) -> Normal:
    found = [jax.vmap(head)(inputs) for head in heads]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *found)
