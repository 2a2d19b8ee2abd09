"""``python -m cardiotwin`` is the program ``cardiotwin``."""

from .cli import main

if __name__ == "__main__":
    main()
