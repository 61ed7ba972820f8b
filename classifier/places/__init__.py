"""Places that a text names, with names of before and after the mergers of July 2025.

They say what a text is about. They are never where its author is: this room is given a text, and no more.
"""

from __future__ import annotations

from classifier.places.gazetteer import province_of, provinces
from classifier.places.mentions import How
from classifier.places.resolve import Place, named, places_of

__all__ = ["How", "Place", "named", "places_of", "province_of", "provinces"]
