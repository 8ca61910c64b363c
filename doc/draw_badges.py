"""Draw the badges of the README from what the project says of itself; the suite compares them."""

import tomllib
from pathlib import Path

HERE = Path(__file__).parent
SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" aria-label="{label}: {value}">
<clipPath id="r"><rect width="{width}" height="20" rx="3"/></clipPath>
<g clip-path="url(#r)"><rect width="{left}" height="20" fill="#444"/>
<rect x="{left}" width="{right}" height="20" fill="#0a7d91"/></g>
<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">
<text x="{middle}" y="14">{label}</text><text x="{centre}" y="14">{value}</text></g></svg>
"""  # noqa: E501


def badges():
    """Return (label, value) of each badge by name."""
    project = tomllib.loads((HERE.parent / "pyproject.toml").read_text())["project"]
    checks = (HERE.parent / "tests" / "test_common.py").read_text()
    assert "expected_failed_checks" not in checks
    return {
        "python": ("python", project["requires-python"].replace(">=", "&#8805; ")),
        "license": ("license", project["license"]),
        "checks": ("scikit-learn checks", "no expected failure"),
        "dependencies": (
            "needs",
            ", ".join(each.split(">")[0] for each in project["dependencies"]),
        ),
    }


def draw(label, value):
    """Return a badge as SVG."""
    left, right = (round(6.7 * len(text.replace("&#8805;", "x"))) + 12 for text in (label, value))
    return SVG.format(
        label=label, value=value, left=left, right=right, width=left + right,
        middle=left / 2, centre=left + right / 2,
    )  # fmt: skip


def main():
    """Write them beside this script."""
    for name, texts in badges().items():
        (HERE / "badges" / f"{name}.svg").write_text(draw(*texts))


if __name__ == "__main__":
    (HERE / "badges").mkdir(exist_ok=True)
    main()
