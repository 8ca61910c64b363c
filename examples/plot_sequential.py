"""
Five tasks, one after another
=============================

The digits with their pixels in five orders, learned one order after another. A classifier that is
left to itself knows the last task alone; one that learns some old rows with each batch knows them
all, nearly as well as if they had been learned together. A penalty on what earlier tasks need lies
in between. In brackets: tasks to come, a guess.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

from skdam import DenseMemoryClassifier
from skdam.datasets import make_permuted_tasks
from skdam.displays import RetentionDisplay
from skdam.sequential import MAS, Naive, Rehearsal, learn_sequentially

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--picture", type=Path)
picture = parser.parse_known_args()[0].picture

tasks = make_permuted_tasks(*load_digits(return_X_y=True), random_state=0)
classifier = DenseMemoryClassifier(temperature=0.35, max_iter=15, random_state=0)

# %%

figure, axes = plt.subplots(1, 3, figsize=(11, 4), layout="constrained")
for ax, strategy in zip(axes, [Naive(), MAS(strength=100.0), Rehearsal()], strict=True):
    retention = learn_sequentially(classifier, tasks, strategy)
    print(f"{strategy}: {retention}")
    RetentionDisplay.from_retention(retention, ax=ax)
    ax.set_title(f"{strategy}\naverage {retention.average_accuracy:.2f}", fontsize="medium")
if picture:
    figure.savefig(picture, dpi=120)
