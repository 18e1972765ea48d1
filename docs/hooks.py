"""What mkdocs calls when it builds the site: pages of the optimizers and of the API, and curves of schedules."""

from typing import Any

from generate.api import MODULES, api_pages, page_name
from generate.curve import with_curves
from generate.known import optimizers
from generate.overview import overview
from generate.page import page
from mkdocs.structure.files import File, Files


def on_config(config: Any) -> Any:
    """Add the pages that are made here to the navigation, after those that mkdocs.yml names."""
    _section(config, "Optimizers").extend({one.name: f"optimizers/{one.page}"} for one in optimizers())
    _section(config, "API reference").extend({module: f"api/{page_name(module)}"} for module in MODULES)
    return config


def _section(config: Any, title: str) -> list[Any]:
    return next(entry[title] for entry in config.nav if title in entry)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Draw the schedules that a page lists."""
    return with_curves(markdown)


def on_files(files: Files, config: Any) -> Files:
    """Add the pages themselves."""
    of_optimizers = {"index.md": overview(optimizers())} | {one.page: page(one) for one in optimizers()}
    for folder, pages in (("optimizers", of_optimizers), ("api", api_pages())):
        for name, text in pages.items():
            files.append(File.generated(config, f"{folder}/{name}", content=text))
    return files
