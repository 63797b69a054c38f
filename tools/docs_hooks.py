"""What the documentation site does on top of mkdocs: links into the repository, and the commands' own help.

Pages are read on GitHub too, so their links are relative. On the site a link that leaves docs/ goes to the repository,
and the page of the commands gets the text of `--help` where its comments ask for it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"(!?\[[^\]]*\]\()([^)\s]+)(\))")
HELP = "<!-- help of every command -->"


def on_page_markdown(markdown: str, page: Any, config: Any, **_rest: Any) -> str:
    """Return the text of a page as the site has it."""
    if HELP in markdown:
        markdown = markdown.replace(HELP, "\n".join(_helps()))
    return outward(markdown, page.file.src_uri, config.repo_url)


def outward(markdown: str, page: str, repository: str) -> str:
    """Return a page with each relative link that leaves docs/ as one to the repository.

    Args:
        markdown: the page's text.
        page: its path below docs/.
        repository: address of the repository.
    """

    def one(link: re.Match[str]) -> str:
        path, sign, anchor = link[2].partition("#")
        target = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), path))
        if ":" in path or not path or target.startswith("docs/"):
            return link[0]
        kind = "tree" if (ROOT / target).is_dir() else "blob"
        return f"{link[1]}{repository}/{kind}/main/{target}{sign}{anchor}{link[3]}"

    return LINK.sub(one, markdown)


def _helps() -> Iterator[str]:
    os.environ["COLUMNS"] = "96"
    for parser in commands(the_parser()):
        depth = "##" if parser.prog.count(" ") == 1 else "###"
        yield f"{depth} `{parser.prog}`\n\n```text\n{parser.format_help().rstrip()}\n```\n"


def the_parser() -> argparse.ArgumentParser:
    """The parser of the command `animcore`, whichever module makes it."""
    from animcore.__main__ import main

    asked = []

    def ask(self: argparse.ArgumentParser, *_rest: Any) -> None:
        asked.append(self)
        raise SystemExit

    with mock.patch.object(argparse.ArgumentParser, "parse_args", ask), contextlib.suppress(SystemExit):
        main()
    return asked[0]


def commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Give every command below a parser, in its order, each before its own commands."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for one in dict.fromkeys(action.choices.values()):
                yield one
                yield from commands(one)
