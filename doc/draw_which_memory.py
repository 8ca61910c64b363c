"""Draw doc/which_memory.svg: from your patterns and your aim to an estimator."""

from pathlib import Path

import matplotlib.pyplot as plt

import skdam

QUESTION = "What are your patterns?"
#: Patterns, aims, and the estimator for each.
TREE = {
    "numbers: grey levels,\nmeasurements": {
        "keep what is stored, invent new ones": "EpanechnikovMemory",
        "a density that is positive everywhere": "GaussianMemory",
        "parts are missing or grossly wrong": "AttentionMemory",
        "more rows than a machine holds": "RandomFeatureMemory",
    },
    "directions: embeddings,\ncounts of words": {
        "the nearest by angle; keys and values": "AttentionMemory",
        "learn which directions matter": "KernelizedMemory",
    },
    "yes or no": {
        "many, or correlated ones": "BinaryMemory",
        "few, in pairwise couplings": "HopfieldMemory",
        "dynamics in continuous time": "LayeredMemory",
    },
    "rows with a job to do": {
        "predict labels": "DenseMemoryClassifier",
        "fill gaps": "MemoryImputer",
        "tell what is new": "MemoryNoveltyDetector",
        "find clusters": "BasinClustering",
    },
}
LEFT, MIDDLE, RIGHT = 0.0, 3.3, 7.3
INK, PAPER, ACCENT = "#1f2933", "white", "#0a7d91"


def box(axes, x, y, text, **style):
    """Write a text in a box that begins at x."""
    frame = {"boxstyle": "round,pad=0.45", "facecolor": PAPER, "edgecolor": INK, "linewidth": 0.8}
    axes.text(x, y, text, va="center", bbox=frame | style.pop("bbox", {}), color=INK, **style)


def link(axes, start, end, bend):
    """Draw a line that leaves and arrives level; it begins behind a box."""
    (x, y), (u, v) = start, end
    axes.plot([x, bend, bend, u], [y, y, v, v], color=INK, linewidth=0.8, zorder=0)


def main():
    """Draw, and save beside this script."""
    figure, axes = plt.subplots(figsize=(10.5, 6.6), layout="constrained")
    row = 0.0
    for patterns, aims in TREE.items():
        rows = [row - i for i in range(len(aims))]
        centre = sum(rows) / len(rows)
        box(axes, LEFT, centre, patterns, fontsize=11, weight="bold")
        for y, (aim, name) in zip(rows, aims.items(), strict=True):
            assert name in skdam.__all__, name
            link(axes, (LEFT + 0.2, centre), (MIDDLE, y), bend=2.9)
            box(axes, MIDDLE, y, aim, fontsize=10.5)
            link(axes, (MIDDLE + 0.2, y), (RIGHT, y), bend=RIGHT)
            filled = {"facecolor": ACCENT, "edgecolor": ACCENT}
            axes.text(
                RIGHT, y, name, va="center", fontsize=11, family="monospace", color="white",
                bbox={"boxstyle": "round,pad=0.45"} | filled,
            )  # fmt: skip
        row -= len(aims) + 0.6
    axes.text(LEFT - 0.1, 1.1, QUESTION, fontsize=13, weight="bold", color=INK)
    axes.text(MIDDLE - 0.1, 1.1, "What for?", fontsize=13, weight="bold", color=INK)
    axes.set(xlim=(-0.3, 10.0), ylim=(row + 0.6, 1.6))
    axes.axis("off")
    figure.savefig(Path(__file__).with_name("which_memory.svg"), metadata={"Date": None})


if __name__ == "__main__":
    main()
