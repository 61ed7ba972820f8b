"""The places that posts name."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from store.base import Base, Id


class PostPlace(Base):
    """A place that the text of a post names; a post that names none has no row.

    `province` is the two digits of the province that the place belongs to today; `cluster_id` is the
    post's, kept here too so that a queue can be narrowed to provinces without reading posts.
    """

    __tablename__ = "post_place"
    __table_args__ = (Index("ix_post_place_cluster_id_province", "cluster_id", "province"),)

    post_id: Mapped[int] = mapped_column(Id, ForeignKey("post.id"), primary_key=True)
    code: Mapped[str] = mapped_column(String(16), primary_key=True)
    province: Mapped[str] = mapped_column(String(2))
    cluster_id: Mapped[int] = mapped_column(Id, ForeignKey("cluster.id"))
