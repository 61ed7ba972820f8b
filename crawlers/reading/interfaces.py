"""What readers of official interfaces share: of their answers only what is as documented is believed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

from pydantic import AliasPath, BaseModel, Field, ValidationError

Object = TypeVar("Object", bound=BaseModel)
Plain = Annotated[str, Field(pattern=r"^[!-~]{1,2000}$")]


def at(path: str, *default: Any) -> Any:
    """Return the field that lies at a path of names, `snippet.title`."""
    return Field(*default, validation_alias=AliasPath(*path.split(".")))


def each(objects: Iterable[Any], model: type[Object]) -> Iterator[Object]:
    """Return what of an answer is as documented, and leave the rest."""
    for one in objects:
        try:
            yield model.model_validate(one)
        except ValidationError:
            continue


def parameters(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
