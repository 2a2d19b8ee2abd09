"""Methods that use time or fronts: how long they take and what they reach, beside Tikhonov.

Run with `pytest benchmarks/bench_spatiotemporal.py -s`: each row prints RE against second-order
Tikhonov with the best λ. Truth and inversion share the operator (an inverse crime); the truth is
made with either Laplacian.
"""

import pytest

from cardiotwin.ecgi import (
    CheckedGCV,
    FundamentalSolutions,
    IsotropyPrewhitening,
    Oracle,
    SpatioTemporal,
    Tikhonov,
    TravelingWave,
    evaluate,
    reconstruct,
)
from cardiotwin.ecgi.zoo import paper_like
from cardiotwin.geometry import CotangentLaplacian, PaperLaplacian

METHODS = {
    "Tikhonov 2, oracle": lambda truth: Tikhonov(order=2, rule=Oracle(truth)),
    "SpatioTemporal, oracle": lambda truth: SpatioTemporal(rule=Oracle(truth)),
    "SpatioTemporal": lambda truth: SpatioTemporal(),
    "IsotropyPrewhitening": lambda truth: IsotropyPrewhitening(order=2),
    "TravelingWave": lambda truth: TravelingWave(uncertainty=False),
    "FundamentalSolutions": lambda truth: FundamentalSolutions(rule=CheckedGCV()),
}


@pytest.fixture(
    scope="module", params=[PaperLaplacian(), CotangentLaplacian()], ids=lambda x: x.name
)
def case(request):
    return paper_like(laplacian=request.param)


@pytest.mark.parametrize("noise_sd", [0.01, 0.05, 0.1])
@pytest.mark.parametrize("name", METHODS)
def test_method(benchmark, case, name, noise_sd):
    problem = case.problem(noise_sd, seed=0)
    method = METHODS[name](case.truth)
    found = benchmark.pedantic(reconstruct, (problem, method), rounds=1)
    metrics = evaluate(found.heart_potentials, case.truth)
    best = reconstruct(problem, Tikhonov(order=2, rule=Oracle(case.truth), uncertainty=False))
    ratio = metrics.relative_error / evaluate(best.heart_potentials, case.truth).relative_error
    benchmark.extra_info.update(metrics.as_dict(), ratio_to_tikhonov=ratio)
    print(
        f"\n{case.simulation.laplacian_name} σ={noise_sd} {name}: RE {metrics.relative_error:.4f} "
        f"({ratio:.3f} × Tikhonov), CC {metrics.correlation:.4f}, {found.seconds:.1f} s"
    )
    # Automatic rules must not lose what the method gains; fundamental solutions have no
    # transfer matrix in common with the truth.
    assert ratio < (1.5 if name == "FundamentalSolutions" else 1.02)
