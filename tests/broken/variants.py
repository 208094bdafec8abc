"""Breaks the program on purpose, one promise at a time, and says after how many seeds the simulation finds out.

    python3 tests/broken/variants.py [NAME ...]

Each variant is built from a copy of the working tree; the tree itself is left alone. A variant that survives is an error, as
is one whose text is no longer found. Needs Rust and Python 3.11; a variant takes from seconds to two minutes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# In growing steps, so that what is found at once is said at once.
STEPS = [(0, 10), (10, 100), (100, 300), (300, 1000), (1000, 2000)]


@dataclass
class Variant:
    """A way to break the program: in this file, this text becomes that."""

    promise: str
    name: str
    file: str
    old: str
    new: str


VARIANTS = [
    Variant(
        "opt-in",
        "act without the tag",
        "src/model/policy.rs",
        "else { return Self::NotOptedIn };",
        'else { return Self::OptedIn(Mode::Auto, defaults.clone()) };',
    ),
    Variant(
        "forward only",
        'act on "different"',
        "src/plan/eligible.rs",
        """        Ordering::Less => return Err(Reason::NewerThanOffered { current: own(), target: newest.clone() }),
    }
    let is_newer = |published: &&Published| published.release.compare(&running) == Ok(Ordering::Greater);""",
        """        Ordering::Less => {}
    }
    let is_newer = |published: &&Published| published.release.compare(&running) != Ok(Ordering::Equal);""",
    ),
    Variant(
        "forward only",
        "believe a description from before the last update",
        "src/plan/mod.rs",
        "const DESCRIPTION_LAGS: SignedDuration = SignedDuration::from_mins(20);",
        "const DESCRIPTION_LAGS: SignedDuration = SignedDuration::ZERO;",
    ),
    Variant(
        "at most one",
        "no condition on the write",
        "src/record.rs",
        """            put.condition_expression("revision = :read AND writer = :writer")
                .expression_attribute_values(":read", AttributeValue::N(read.to_string()))
                .expression_attribute_values(":writer", AttributeValue::S(record.writer.clone()))""",
        "put",
    ),
    Variant(
        "at most one",
        "call after a lost race for the intent",
        "src/handler/start.rs",
        """        Err(NotSaved::Conflict) => {
            line.outcome = Some("anotherRunWasFirst");
            return None;
        }
        Err(NotSaved::Failed(error)) => {
            line.outcome = Some("notRecorded");""",
        """        Err(NotSaved::Conflict) => {}
        Err(NotSaved::Failed(error)) => {
            line.outcome = Some("notRecorded");""",
    ),
    Variant(
        "at most one",
        "the same token for every attempt",
        "src/model/record.rs",
        'self.derive(&format!("{version}/{release}/{}", self.attempts))',
        'self.derive(&format!("{version}/{release}"))',
    ),
    Variant(
        "nothing lost",
        "call without an intent",
        "src/handler/start.rs",
        """    record.begin(intent, now);
    match records.save(&mut record, now).await {""",
        """    record.begin(intent, now);
    match Ok::<(), NotSaved>(()) {""",
    ),
    Variant(
        "nothing lost",
        "take any refusal for final, even after an answer was lost",
        "src/submit.rs",
        "Err(error) if requests.load(Ordering::Relaxed) > 1 || !is_clients_fault(&error) => {",
        "Err(error) if !is_clients_fault(&error) => {",
    ),
    Variant(
        "nothing lost",
        "never look for the update of an intent",
        "src/check.rs",
        "        if first && belongs(&update, created_at, attempt) {",
        "        if first && belongs(&update, created_at, attempt) && attempt.number == 0 {",
    ),
    Variant(
        "every failure told",
        "mark before publish",
        "src/handler/check.rs",
        """        match publish(&clients.sns""",
        """        record.told(&notice);
        if !save(records, &mut record, now, &mut checked).await {
            return checked;
        }
        match publish(&clients.sns""",
    ),
    Variant(
        "every failure told",
        "trust ACTIVE",
        "src/check.rs",
        "        Some(UpdateStatus::Failed) => Progress::Failed(errors(update)),",
        """        Some(UpdateStatus::Failed) => {
            let asked = |param: &&eks::UpdateParam| param.r#type() == Some(&UpdateParamType::ReleaseVersion);
            let release = update.params().iter().find(asked).and_then(|param| param.value());
            let version = update.params().iter().find(|param| param.r#type() == Some(&UpdateParamType::Version));
            let version = version.and_then(|param| param.value()).map(str::to_owned);
            Progress::Successful(Runs { version, release_version: release.map(str::to_owned) })
        }""",
    ),
    Variant(
        "every failure told",
        "believe every success",
        "src/check.rs",
        "if attempt.origin == Origin::Other || *runs == asked {",
        "if attempt.origin == Origin::Other || runs.version == asked.version {",
    ),
    Variant(
        "every failure told",
        "say nothing of what hangs",
        "src/model/record.rs",
        """            self.tell(Event::UpdateStuck, number, &release, now, "");""",
        "            let _ = (number, release, now);",
    ),
    Variant(
        "every failure told",
        "another id each time",
        "src/model/record.rs",
        'self.derive(&format!("{}/{attempt}/{release_version}/{detail}", event.as_str()))',
        'self.derive(&format!("{}/{attempt}/{release_version}/{detail}/{}", event.as_str(), self.revision))',
    ),
    Variant(
        "retries end",
        "forget what failed",
        "src/plan/mod.rs",
        "        not_failed_before(facts, record, &intent)?;\n",
        "",
    ),
    Variant(
        "retries end",
        "force without the tag",
        "src/plan/mod.rs",
        "intent.may_force = rules.force == Force::AfterEvictionFailure;",
        "intent.may_force = true;",
    ),
    Variant(
        "rules hold",
        "ignore the window",
        "src/plan/mod.rs",
        "    in_window(facts, rules)?;\n",
        "",
    ),
    Variant(
        "rules hold",
        "ignore the age",
        "src/plan/eligible.rs",
        "    old_enough(facts, rules, published)?;\n",
        "",
    ),
    Variant(
        "rules hold",
        "ignore the rings",
        "src/plan/eligible.rs",
        "    gates.passed(facts, Gate { ring: rules.ring, ami_type: &nodegroup.ami_type, version, target })\n",
        "    let _ = gates.passed(facts, Gate { ring: rules.ring, ami_type: &nodegroup.ami_type, version, target });\n    Ok(())\n",
    ),
    Variant(
        "rules hold",
        "prove a release with another Kubernetes version",
        "src/plan/ring.rs",
        "version == Some(gate.version) && release.and_then(reached).is_some_and(Ordering::is_ge)",
        "version.is_some() && release.and_then(reached).is_some_and(Ordering::is_ge)",
    ),
    Variant(
        "rules hold",
        "wait for no group whose cluster cannot be read",
        "src/plan/ring.rs",
        "eligible::minor_version(gate.version) => Err(RingWait::Unreadable),",
        "eligible::minor_version(gate.version) => Ok(false),",
    ),
    Variant(
        "rules hold",
        "ignore a quarantine",
        "src/plan/eligible.rs",
        "    quarantined.allows(&published.release)?;\n",
        "    let _ = quarantined;\n",
    ),
    Variant(
        "rules hold",
        "ignore denied releases",
        "src/plan/eligible.rs",
        "    not_denied(facts, &published.release)?;\n",
        "",
    ),
    Variant(
        "rules hold",
        "ignore a pin",
        "src/plan/eligible.rs",
        "    if let Some(pin) = &rules.pin {",
        "    if let Some(pin) = rules.pin.as_ref().filter(|pin| pin.is_empty()) {",
    ),
    Variant(
        "rules hold",
        "ignore the interval between updates",
        "src/plan/mod.rs",
        "rules.min_interval.max(DESCRIPTION_LAGS)",
        "rules.min_interval.min(DESCRIPTION_LAGS).max(DESCRIPTION_LAGS)",
    ),
    Variant(
        "rules hold",
        "ignore the stop switch and the calendar",
        "src/plan/mod.rs",
        "    not_frozen(facts)?;\n",
        "",
    ),
    Variant(
        "rules hold",
        "take an unreadable calendar for an open one",
        "src/freeze.rs",
        'Err(error) => return Some(Freeze::Unreadable { error: format!("the change calendars: {}", describe(&error)) }),',
        "Err(_) => return None,",
    ),
    Variant(
        "rules hold",
        "take the event's clock for now",
        "src/handler/start.rs",
        "    let event = StartEvent::parse(event)?;",
        """    let now = event["time"].as_str().and_then(|at| at.parse().ok()).unwrap_or(run.now);
    let run = Run { now, ..run };
    let event = StartEvent::parse(event)?;""",
    ),
    Variant(
        "quiet",
        "write what has not changed",
        "src/model/record.rs",
        "let news = reported != (Some(version), Some(release));",
        "let news = true;",
    ),
]

def main() -> int:
    wanted = sys.argv[1:]
    unknown = set(wanted) - {variant.name for variant in VARIANTS}
    assert not unknown, f"no such variants: {unknown}"
    survivors = []
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory) / "copy"
        for variant in VARIANTS:
            if wanted and variant.name not in wanted:
                continue
            began = time.monotonic()
            make(copy, variant)
            found = first_seed(copy)
            said = f"seed {found:<5} after {found + 1} seeds" if found is not None else "SURVIVES"
            print(f"{variant.promise:<20} {variant.name:<60} {said:<28} {time.monotonic() - began:4.0f} s", flush=True)
            if found is None:
                survivors.append(variant.name)
    return len(survivors)


def make(copy: Path, variant: Variant) -> None:
    """Brings the copy to the tree as it is, but for the variant. Untouched files keep their times, so that little is built."""
    ignored = shutil.ignore_patterns("target", ".git", ".venv", ".aws-sam", "node_modules", "__pycache__")
    if not copy.exists():
        shutil.copytree(ROOT, copy, ignore=ignored)
    for file in sorted((ROOT / "src").rglob("*.rs")):
        text, there = file.read_text(), copy / file.relative_to(ROOT)
        if variant.file == str(file.relative_to(ROOT)):
            assert text.count(variant.old) == 1, f"{variant.name}: the text is in {variant.file} {text.count(variant.old)} times"
            text = text.replace(variant.old, variant.new)
        if there.read_text() != text:
            there.write_text(text)


def first_seed(copy: Path) -> int | None:
    """The first seed whose simulation the variant breaks."""
    target = os.environ.get("CARGO_TARGET_DIR", str(ROOT / "target" / "broken"))
    for low, high in STEPS:
        environment = os.environ | {"SEEDS": f"{low}..{high}", "CARGO_TARGET_DIR": target, "RUST_BACKTRACE": "0"}
        command = ["cargo", "test", "--locked", "--workspace", "--test", "slow", "--", "--nocapture", "simulation::nothing_is_lost"]
        run = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True)
        seeds = [int(seed) for seed in re.findall(r"^seed (\d+):", run.stdout, re.MULTILINE)]
        if seeds:
            return min(seeds)
        assert run.returncode == 0, f"it does not build: {run.stderr[-2000:]}"
    return None


if __name__ == "__main__":
    sys.exit(main())
