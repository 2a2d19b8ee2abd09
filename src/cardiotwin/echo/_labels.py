"""What a pixel of a mask can be, numbered as CAMUS does."""

LABELS = ("background", "cavity", "wall", "atrium")
"""Names in the order of the numbers; cavity and wall are those of the left ventricle."""

CAVITY, WALL, ATRIUM = 1, 2, 3

NOT_CAVITY = 255
"""Of a pixel that is no cavity and may be anything else: where only the cavity was traced."""
