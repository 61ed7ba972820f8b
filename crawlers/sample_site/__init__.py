"""A small fictional site to try the product on: a newspaper with a feed, and a forum. Served on loopback."""

from crawlers.sample_site.content import articles, threads
from crawlers.sample_site.pages import Page, render
from crawlers.sample_site.server import RunningSite, run_forever, serve, sources

__all__ = ["Page", "RunningSite", "articles", "render", "run_forever", "serve", "sources", "threads"]
