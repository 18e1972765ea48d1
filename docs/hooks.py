"""What mkdocs calls when it builds the site: a page for every optimizer, made from its rule; curves of schedules."""

from typing import Any

from generate.curve import with_curves
from generate.known import optimizers
from generate.overview import overview
from generate.page import page
from mkdocs.structure.files import File, Files

FOLDER = "optimizers"


def on_config(config: Any) -> Any:
    """The pages in the navigation, behind those that mkdocs.yml names there."""
    section = next(entry["Optimizers"] for entry in config.nav if "Optimizers" in entry)
    named = {path for entry in section for path in entry.values()}
    made = [{one.name: f"{FOLDER}/{one.page}"} for one in optimizers()]
    section += [entry for entry in made if not named & set(entry.values())]
    return config


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Schedules drawn where a page lists them."""
    return with_curves(markdown)


def on_files(files: Files, config: Any) -> Files:
    """The pages themselves."""
    pages = {"index.md": overview(optimizers())} | {one.page: page(one) for one in optimizers()}
    for name, text in pages.items():
        files.append(File.generated(config, f"{FOLDER}/{name}", content=text))
    return files
