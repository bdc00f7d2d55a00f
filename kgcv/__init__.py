"""kgcv: from a Kaggle-style competition's files to a checked, scored submission."""

__version__ = "0.1.0"
