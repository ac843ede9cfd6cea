"""What the client programs in Python share: how they talk to their runner, and how they wait."""

import os
import sys
import time
import traceback

ENDPOINTS = os.environ["ENDPOINTS"].split(",")
# What is waited for comes much sooner; nothing depends on how soon.
PATIENCE_SECONDS = 30


class Skipped(Exception):
    """The client library has no such feature."""


class Report:
    """Prints one line for each feature, and keeps the exit code."""

    def __init__(self):
        self.exit_code = 0

    def __call__(self, feature, error=None):
        if error is None:
            print(f"{feature}: ok", flush=True)
        elif isinstance(error, Skipped):
            print(f"{feature}: skipped: {error}", flush=True)
        else:
            traceback.print_exception(type(error), error, error.__traceback__)
            print(f"{feature}: failed: {one_line(error)}", flush=True)
            self.exit_code = 1


def run(features):
    """Calls each function of a dict from features to functions, and ends the program."""
    report = Report()
    for feature, function in features.items():
        try:
            function()
            report(feature)
        except Exception as error:
            report(feature, error)
    sys.stdout.flush()
    os._exit(report.exit_code)  # Whatever threads a library has left behind.


def kill(member):
    """Has a member killed, counted from 1. It comes back after a while."""
    ask(f"kill {member}")


def settle():
    """Returns when all members are well."""
    ask("wait")


def ask(what):
    print(f"members: {what}", flush=True)
    if sys.stdin.readline() != "done\n":
        raise ConnectionError("the runner is gone")


def equal(is_, expected, what):
    """Fails unless both are the same."""
    if is_ != expected:
        raise AssertionError(f"{what}: {is_!r}, expected {expected!r}")


def until(condition, what, seconds=PATIENCE_SECONDS):
    """Calls `condition` until it returns something true, and returns that."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(0.05)
    return value


def check_history(events, acknowledged):
    """The events of one key, as (revision, version, value), have no gap and no repeat and all that was acknowledged."""
    equal([version for _, version, _ in events], list(range(1, len(events) + 1)), "versions of the key in the events")
    revisions = [revision for revision, _, _ in events]
    equal(revisions, sorted(set(revisions)), "revisions of the events")
    missing = set(acknowledged) - {(revision, value) for revision, _, value in events}
    equal(missing, set(), "acknowledged puts that no event tells of")


def one_line(error):
    """An error as a line without newlines: libraries put status, stack and all into theirs."""
    if hasattr(error, "details") and callable(error.details):
        return f"{type(error).__name__}: {error.details()}"
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
