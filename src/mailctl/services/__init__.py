"""Use cases, a folder each: models in, models out."""
