"""Follow every link within the built site; name those that lead nowhere."""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """What a page links to, and what can be linked to in it."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.targets: set[str] = {"", "top"}
        self.links: set[str] = set()
        self.feed(file.read_text(errors="replace"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note the targets and links of a tag."""
        for name, value in attributes:
            if name in ("id", "name") and value:
                self.targets.add(value)
            elif name in ("href", "src") and value:
                self.links.add(value)


def broken(site: Path) -> list[str]:
    """Return what is wrong with the links of a site."""
    files = (file for file in site.rglob("*.html") if "_static" not in file.parts)
    pages = {file.resolve(): Page(file) for file in files}
    wrong = []
    for file, page in pages.items():
        for link in sorted(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            if not target.exists():
                wrong.append(f"{file.relative_to(site.resolve())}: {link}: no such file")
            elif target in pages and unquote(parts.fragment) not in pages[target].targets:
                wrong.append(f"{file.relative_to(site.resolve())}: {link}: no such place")
    return wrong


def main() -> None:
    """Check the site of the first argument."""
    wrong = broken(Path(sys.argv[1]))
    print("\n".join(wrong))
    sys.exit(f"{len(wrong)} links lead nowhere" if wrong else 0)


if __name__ == "__main__":
    main()
