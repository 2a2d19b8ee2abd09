"""The networks of the source paper, as points of one composition.

Each takes the settings of `PhysicsInformedNetwork` by keyword (seed, steps, budget_s, ...). The
paper gives neither optimizer nor number of steps, collocation points or seconds: those are ours,
the same for all.
"""

from typing import Any

from ._collocation import Windows
from ._derivatives import AutomaticDerivatives, MixedDerivatives
from ._networks import AdaptiveResNet, FeedForward
from ._physics_informed import PhysicsInformedNetwork
from ._traveling_frame import TravelingFrame


def ep_dl(*, width: int = 10, layers: int = 10, **settings: Any) -> PhysicsInformedNetwork:
    """Return EP-DL: feed-forward network, automatic derivatives (section IV-A, Fig. 6).

    Args:
        width: neurons of a layer.
        layers: layers, the output layer included; 10 in section IV-A (5 in the earlier work).
        settings: of `PhysicsInformedNetwork`, by keyword.

    >>> method = ep_dl(seed=3)
    >>> method.network.width, method.network.layers, method.seed
    (10, 10, 3)
    """
    return _preset(settings, network=FeedForward(width, layers), derivatives=AutomaticDerivatives())


def ep_dl_delta_nd(*, width: int = 10, layers: int = 10, **settings: Any) -> PhysicsInformedNetwork:
    """Return EP-DL_ΔND: numerical derivatives in space, automatic ones in time (section IV-A).

    Args:
        width: neurons of a layer.
        layers: layers, the output layer included.
        settings: of `PhysicsInformedNetwork`, by keyword.

    >>> type(ep_dl_delta_nd().derivatives).__name__
    'MixedDerivatives'
    """
    return _preset(settings, network=FeedForward(width, layers), derivatives=MixedDerivatives())


def ep_dl_nd(*, width: int = 10, layers: int = 10, **settings: Any) -> PhysicsInformedNetwork:
    """Return EP-DL_ND: all derivatives numerical (section IV-A); Fig. 7 varies the width.

    Args:
        width: neurons of a layer: 5, 10 and 15 in Fig. 7.
        layers: layers, the output layer included.
        settings: of `PhysicsInformedNetwork`, by keyword.

    >>> ep_dl_nd(width=5).network.width
    5
    """
    return _preset(settings, network=FeedForward(width, layers))


def nn1(**settings: Any) -> PhysicsInformedNetwork:
    """Return NN1 of Table I: 4 layers of 15 neurons, feed-forward.

    >>> nn1().network.layers
    4
    """
    return _preset(settings, network=FeedForward(15, 4))


def nn2(**settings: Any) -> PhysicsInformedNetwork:
    """Return NN2 of Table I: 4 layers of 15 neurons, one residual block.

    >>> nn2().network.blocks
    1
    """
    return _preset(settings, network=AdaptiveResNet(15, 1))


def nn3(**settings: Any) -> PhysicsInformedNetwork:
    """Return NN3 of Table I: 7 layers of 15 neurons, feed-forward.

    >>> nn3().network.layers
    7
    """
    return _preset(settings, network=FeedForward(15, 7))


def nn4(**settings: Any) -> PhysicsInformedNetwork:
    """Return NN4 of Table I: 7 layers of 15 neurons, two residual blocks.

    >>> nn4().network.blocks
    2
    """
    return _preset(settings, network=AdaptiveResNet(15, 2))


def nn5(**settings: Any) -> PhysicsInformedNetwork:
    """Return NN5 of Table I: 10 layers of 15 neurons, feed-forward.

    >>> nn5().network.layers
    10
    """
    return _preset(settings, network=FeedForward(15, 10))


def nn6(**settings: Any) -> PhysicsInformedNetwork:
    """Return NN6 of Table I: 10 layers of 15 neurons, three residual blocks.

    >>> nn6().network.blocks
    3
    """
    return _preset(settings, network=AdaptiveResNet(15, 3))


def eand_arn(**settings: Any) -> PhysicsInformedNetwork:
    """Return EAND-ARN, the paper's choice: NN6, numerical derivatives, λ = 0.1.

    >>> eand_arn(physics_weight=0.3).physics_weight
    0.3
    """
    return nn6(**settings)


def best(**settings: Any) -> PhysicsInformedNetwork:
    """Return what we recommend: NN6 in the frame of the wave, with λ = 1.

    Beside x, y, z and t the network is told the time since the wave arrived; see
    `TravelingFrame`. Network and derivatives are those of EAND-ARN; the physics is asked for in
    windows of whole maps, which at high noise serve this network better than random points.

    Args:
        settings: of `PhysicsInformedNetwork`, by keyword.

    >>> best().frame.scale_tu
    5.0
    """
    return _preset(
        {"steps": 500} | settings,
        network=AdaptiveResNet(15, 3),
        frame=TravelingFrame(),
        physics_weight=1.0,
        collocation=Windows(),
    )


def _preset(settings: dict[str, Any], **chosen: Any) -> PhysicsInformedNetwork:
    return PhysicsInformedNetwork(**{**chosen, **settings})
