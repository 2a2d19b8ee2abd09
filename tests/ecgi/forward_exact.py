"""Exact potentials of layered and eccentric spheres, for the forward tests."""

import numpy as np


def concentric_gain(degree, ratio):
    """Torso over heart potential of a spherical harmonic, heart radius over torso radius q."""
    share = degree / (degree + 1)
    return (1 + share) / (ratio**degree + share * ratio ** -(degree + 1))


def layered_sphere(degree, radii, conductivities, *, dirichlet=None, jumps=None):
    """Return φ(layer, r) for layers φ = A r^l + B r^-(l+1), insulated outside.

    ``radii[i]`` is the outer radius of layer i. The innermost layer is a solid core, or starts at
    the radius ``dirichlet`` with φ = 1. ``jumps[i]`` is φ_i − φ_(i+1) across ``radii[i]``.
    """
    scale, n = radii[-1], len(radii)
    radii = np.asarray(radii) / scale

    def powers(r):
        return np.array([r**degree, r ** -(degree + 1)])

    def slopes(r):
        return np.array([degree * r ** (degree - 1), -(degree + 1) * r ** -(degree + 2)])

    matrix, right = np.zeros((2 * n, 2 * n)), np.zeros(2 * n)
    if dirichlet is None:
        matrix[0, 1] = 1
    else:
        matrix[0, :2], right[0] = powers(dirichlet / scale), 1
    for i in range(n - 1):
        inner, outer = slice(2 * i, 2 * i + 2), slice(2 * i + 2, 2 * i + 4)
        matrix[2 * i + 1, inner], matrix[2 * i + 1, outer] = powers(radii[i]), -powers(radii[i])
        right[2 * i + 1] = 0 if jumps is None else jumps[i]
        matrix[2 * i + 2, inner] = conductivities[i] * slopes(radii[i])
        matrix[2 * i + 2, outer] = -conductivities[i + 1] * slopes(radii[i])
    matrix[-1, -2:] = slopes(radii[-1])
    coefficients = np.linalg.solve(matrix, right).reshape(n, 2)
    return lambda layer, r: float(coefficients[layer] @ powers(r / scale))


def source_and_sink(points, source, sink, radius):
    """Potential of a unit current source and sink in an insulated sphere about the origin."""
    return _neumann(points, np.asarray(source), radius) - _neumann(points, np.asarray(sink), radius)


def _neumann(points, origin, radius):
    size = np.linalg.norm(origin)
    mirror = origin * radius**2 / size**2
    direct = np.linalg.norm(points - origin, axis=1)
    image = np.linalg.norm(points - mirror, axis=1) * size / radius
    below = radius**2 - points @ origin + radius * image
    return 1 / direct + 1 / image + np.log(2 * radius**2 / below) / radius


def relative_error(computed, exact):
    return np.linalg.norm(computed - exact) / np.linalg.norm(exact)
