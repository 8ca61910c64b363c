"""Mutation testing: how many small faults put into the ground floor of skdam its tests notice.

`make mutants` runs it from an empty `mutants` folder; names of mutants (with * as any characters)
restrict it to those, and results of others stand.  mutmut writes the mutants and keeps the results
(`mutmut show NAME` prints one).  Here they are put to the test: one session collects the tests once
and a fork of it tries each mutant on the tests that reach its function, likely killers first.
"""

import csv
import json
import os
import re
import resource
import signal
import sys
import time
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from hashlib import sha256
from pathlib import Path

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import pytest
from mutmut.__main__ import collect_source_file_mutation_data, create_mutants
from mutmut.configuration import config
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.state import state
from mutmut.utils.file_utils import (
    change_cwd,
    copy_also_copy_files,
    copy_src_dir,
    setup_source_paths,
)
from mutmut.utils.format_utils import mangled_name_from_mutant_name

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "mutants"
COVERAGE = FOLDER / "coverage.jsonl"
TABLE, SURVIVORS = ROOT / "doc" / "mutants.csv", ROOT / "doc" / "mutants_alive.csv"
#: Functions, and why what is left of theirs lives that no sign below explains: written by hand.
EXPLAINED, OWN = ROOT / "doc" / "mutants_explained.csv", "a reason of the function's own, below"
#: Why mutants live, by what is found in their name and in the lines that they take away and add.
REASONS = {
    "no flag is raised there, or numpy ignores it anyway": r"errstate\(",
    "numpy reads it alike": (
        r'kind="|"[IJNAK,]+->|out=|cast\(|reshape\(|strict=|dtype=|float64, \)|astype\(None|copy='
    ),
    "only what it costs, and what is tried first, depends on it": (
        r"[ǁ_](cost|price|floor|choose|order|blocks|parts|listable|too_long|suitable|fresh_starts)__m"
        r"|_searching|_BATCH|_LISTED|row_blocks|// 8|choose\(|index\.order\(|slices\(|np\.split\("
        r"|random_state=0|KMeans"
    ),
    "a bound gets wider: more is computed again, to the same end": (
        r"_SLACK|2\.0\*\*-|UNIT_ROUNDOFF|_ROUNDINGS|slack|excess|error|_reach__m|_below__m|\btie\b"
    ),
    "the limit itself is never met": (
        r"^-(.*)([<>]) (.*)\n\+\1\2= \3$|^-(.*)([<>])= (.*)\n\+\4\5 \6$"
    ),
}
N_CHILDREN = int(os.environ.get("JOBS", "2"))
#: Seconds of tests that a mutant has to live through.
BUDGET = float(os.environ.get("BUDGET", "3"))
#: Share of the mutants that are tried, drawn at random, always the same.
SHARE = float(os.environ.get("SHARE", "1"))
#: Whether survivors of an earlier run are tried once more, as after new tests.
AGAIN = bool(os.environ.get("AGAIN"))
#: Limits of a child: seconds of CPU beside ten times its tests', of the clock, bytes of memory.
CPU_SECONDS, WALL_SECONDS, MEMORY = 10, 600, 2**33
#: How a child that notices its mutant ends, one that sees nothing, and one that fails itself.
KILLED, SURVIVED, NO_TESTS, BROKEN, TIMEOUT = 1, 0, 33, 35, -signal.SIGXCPU
#: Mutants whose tests are run without them first: these have to pass.
N_CONTROLS = 12


class Coverage:
    """Which tests reach a function, and how many seconds each takes; kept line by line."""

    def __init__(self):
        self.seconds = {}
        self.tests = defaultdict(set)
        if COVERAGE.exists():
            for line in COVERAGE.read_text().splitlines():
                self.add(**json.loads(line))

    def add(self, test, seconds, functions):
        self.seconds[test] = seconds
        for name in functions:
            self.tests[name].add(test)


def every_mutant():
    """Return (notes of its file, name, how trying it ended or None) for each mutant."""
    with change_cwd(ROOT):
        return collect_source_file_mutation_data(mutant_names=())[0]


def drawn():
    """Return those that are tried: an order that looks random, and changes with none but them."""
    order = sorted(every_mutant(), key=lambda mutant: sha256(mutant[1].encode()).digest())
    return order[: int(SHARE * len(order))]


@dataclass
class Child:
    """A fork at work: what it says comes through a pipe."""

    mutant: str
    pipe: int
    deadline: float


def fork(work):
    """Let a child work and write bytes; return its process number and where to read them."""
    reading, writing = os.pipe()
    if pid := os.fork():
        os.close(writing)
        return pid, reading
    code = BROKEN
    try:
        silence()
        with os.fdopen(writing, "wb") as pipe:
            code = work(pipe)
    finally:
        os._exit(code)


def silence():
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)


def run_one(item, following):
    item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
    return not item.session.testsfailed


class Loop:
    """In the place of pytest's loop over tests: one over mutants."""

    def __init__(self, names):
        self.names = names

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self):
        from hypothesis import Phase, settings

        phases = (Phase.explicit, Phase.generate)  # the smallest failure is of no interest
        settings.register_profile("mutants", settings.default, phases=phases)
        settings.load_profile("mutants")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session):
        import skdam

        assert FOLDER in Path(skdam.__file__).parents, "the mutants are not what is imported"
        self.items = {item.nodeid: item for item in session.items}
        self.coverage = self.covered()
        self.killers = defaultdict(dict)
        self.data = self.chosen()
        self.try_all()
        return True

    def covered(self):
        """Run the tests that have not been run before without a mutant."""
        known = Coverage().seconds
        new = [item for name, item in self.items.items() if name not in known]
        for share in [new[i::N_CHILDREN] for i in range(N_CHILDREN)]:
            fork(lambda _, share=share: trace(share))
        with suppress(ChildProcessError):
            while True:
                code = os.waitstatus_to_exitcode(os.wait()[1])
                assert code == SURVIVED, "a test fails without any mutant"
        found = Coverage()
        print(f"{len(self.items)} tests, {sum(found.seconds.values()):.0f} s", flush=True)
        return found

    def chosen(self):
        """Return the mutants to try, with where to note results."""
        return {
            name: notes
            for notes, name, code in drawn()
            if self.open(code) and any(fnmatch(name, some) for some in self.names)
        }

    def open(self, code):
        """Return whether a mutant is still to be tried: survivors are again, if that is asked."""
        return code is None or (AGAIN and code in (SURVIVED, NO_TESTS))

    def tests(self, mutant):
        """Return tests for a mutant: those that killed others of its function, then quick ones."""
        function, seconds = mangled_name_from_mutant_name(mutant), self.coverage.seconds
        kills, turn, order = self.killers[function], defaultdict(int), []
        for name in sorted(self.coverage.tests[function] & self.items.keys(), key=seconds.get):
            family = name.split("[")[0]
            away = area(function.replace(".", "/")) not in family
            order.append((-kills.get(name, 0), away, turn[family], seconds[name], name))
            turn[family] += 1  # a test with other parameters waits its turn
        spent, chosen = 0.0, []
        for *_, name in sorted(order):
            spent += seconds[name]
            if chosen and spent > BUDGET:
                break
            chosen.append(name)
        return chosen

    def control(self):
        """See that what kills a mutant passes without it, in the same order and under limits."""
        some = list(self.data)[:: max(1, len(self.data) // N_CONTROLS)]
        for tests in filter(None, map(self.tests, some)):
            items = [self.items[name] for name in tests]
            pid, _ = fork(lambda pipe, items=items: attack("none", items, BUDGET, pipe))
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == SURVIVED, tests

    def try_all(self):
        self.control()
        children, left, start = {}, list(self.data)[::-1], time.time()
        while left or children:
            while left and len(children) < N_CHILDREN:
                self.begin(left.pop(), children)
            if self.collect(children) and len(left) % 50 == 0:
                self.save()
                print(f"{len(left)} left, {time.time() - start:.0f} s", flush=True)
        self.save()

    def save(self):
        with change_cwd(ROOT):
            for notes in {id(notes): notes for notes in self.data.values()}.values():
                notes.save()

    def begin(self, mutant, children):
        tests = self.tests(mutant)
        if not tests:
            self.note(mutant, NO_TESTS, 0.0)
            return
        seconds = sum(self.coverage.seconds[name] for name in tests)
        items = [self.items[name] for name in tests]
        pid, pipe = fork(lambda pipe: attack(mutant, items, seconds, pipe))
        children[pid] = Child(mutant, pipe, time.time() + WALL_SECONDS)

    def collect(self, children):
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            time.sleep(0.003)
            for slow in [p for p, child in children.items() if time.time() > child.deadline]:
                with suppress(ProcessLookupError):
                    os.kill(slow, signal.SIGXCPU)
            return False
        child = children.pop(pid)
        with os.fdopen(child.pipe, "rb") as said:
            killer = said.read().decode()
        code = os.waitstatus_to_exitcode(status)
        if killer:
            kills = self.killers[mangled_name_from_mutant_name(child.mutant)]
            kills[killer] = kills.get(killer, 0) + 1
        assert code != BROKEN, f"trying {child.mutant} failed by itself"
        self.note(child.mutant, code, time.time() + WALL_SECONDS - child.deadline)
        return True

    def note(self, mutant, code, seconds):
        notes = self.data[mutant]
        notes.exit_code_by_key[mutant] = code
        notes.durations_by_key[mutant] = seconds


def trace(items):
    """Run tests without a mutant, and note what they reach."""
    set_mutant_under_test("stats")
    for item in items:
        state()._stats.clear()
        start = time.process_time()
        if not run_one(item, None):
            return KILLED
        seconds = time.process_time() - start
        line = {"test": item.nodeid, "seconds": seconds, "functions": sorted(state()._stats)}
        with COVERAGE.open("a") as file:
            print(json.dumps(line), file=file)
    return SURVIVED


def attack(mutant, items, seconds, pipe):
    """Run tests on a mutant up to the first failure, and tell which that is."""
    limit = int(10 * seconds) + CPU_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 60))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    set_mutant_under_test(mutant)
    for item, following in zip(items, [*items[1:], None], strict=True):
        if not run_one(item, following):
            pipe.write(item.nodeid.encode())
            return KILLED
    return SURVIVED


def area(path):
    """Return the part of the package that a file is counted under."""
    return Path(path).parts[1].removesuffix(".py").strip("_")


def report():
    """Print, and write for the documentation, how many mutants of each part were killed."""
    rows = defaultdict(lambda: [0, 0, 0, 0])
    for notes, *_ in every_mutant():
        for name in (area(notes.path), "all"):
            rows[name][0] += 1
    for notes, _, code in drawn():
        for name in (area(notes.path), "all"):
            row = rows[name]
            row[1] += code is not None
            row[2] += code not in (None, SURVIVED, NO_TESTS)
            row[3] += code == TIMEOUT
    rows["all"] = rows.pop("all")
    lines = ["part,mutants,tried,killed,of these by time,killed of tried"]
    for name, row in rows.items():
        lines.append(f"{name},{','.join(map(str, row))},{row[2] / max(1, row[1]):.1%}")
    TABLE.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


def reason(mutant):
    """Return why a survivor lives, or that it is not known."""
    lines = get_diff_for_mutant(mutant).splitlines()[2:]
    text = "\n".join([mutant, *(line for line in lines if line[:1] in "+-")])
    signs = (why for why, sign in REASONS.items() if re.search(sign, text, re.M))
    return next(signs, OWN if function(mutant) in explained() else "open")


def function(mutant):
    """Return the name of a mutant's function as it stands in the source, from the package on."""
    module, mangled = mangled_name_from_mutant_name(mutant).rsplit(".", 1)
    name = ".".join(mangled.split("ǁ")[1:]) if "ǁ" in mangled else mangled.removeprefix("x_")
    return f"{module.removeprefix('skdam.')}.{name}"


@cache
def explained():
    """Return the functions whose survivors are explained by hand."""
    with EXPLAINED.open() as file:
        return {row["function"].strip("`") for row in csv.DictReader(file)}


def explain():
    """Write for the documentation how many mutants live for what reason, part by part."""
    counts = defaultdict(Counter)
    for notes, name, code in drawn():
        if code in (SURVIVED, NO_TESTS):
            counts[reason(name)][area(notes.path)] += 1
    parts = sorted({part for row in counts.values() for part in row})
    lines = [",".join(["why it lives", *parts, "all"])]
    for why in [*REASONS, OWN, "open"]:
        numbers = [counts[why][part] for part in parts]
        lines.append(",".join([f'"{why}"', *map(str, numbers), str(sum(numbers))]))
    SURVIVORS.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


def main(names):
    os.chdir(ROOT)
    start = time.time()
    FOLDER.mkdir(exist_ok=True)
    set_mutant_under_test("mutant_generation")
    copy_src_dir()
    copy_also_copy_files()
    setup_source_paths()
    create_mutants(N_CHILDREN)
    os.chdir(FOLDER)
    set_mutant_under_test("")
    quiet = ["--rootdir=.", "-q", "-s", "--tb=native", "-p", "no:cacheprovider", "-p", "no:xdist"]
    code = pytest.main([*quiet, *config().pytest_add_cli_args_test_selection], [Loop(names)])
    os.chdir(ROOT)
    report()
    explain()
    print(f"{time.time() - start:.0f} s")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["*"]))
