"""Excitable tissue on a surface: reaction–diffusion, activation and recovery."""
