# `just` lists the recipes. It is in PyPI: `pip install rust-just`.

export CARGO_TERM_COLOR := env("CARGO_TERM_COLOR", "auto")

_default:
    @just --list --unsorted

# Format, lints and fast tests: before every commit. Needs cargo-nextest.
check: fmt clippy fast typos

# Rewrites the sources as rustfmt wants them.
format:
    cargo fmt --all

# Is everything formatted?
fmt:
    cargo fmt --all --check

# Lints, of tests and benchmarks too.
clippy:
    cargo clippy --locked --workspace --all-targets -- -D warnings

# Unit tests and fast stories.
fast *ARGS:
    cargo nextest run --locked --workspace {{ARGS}}

# Every Rust test: the slow ones, and the examples in the documentation, too.
test:
    cargo nextest run --locked --workspace --profile all
    cargo test --locked --workspace --doc

# The simulation with these seeds, such as 17..18; a single seed shows every request.
sim SEEDS:
    SEEDS={{SEEDS}} cargo nextest run --locked --workspace --profile all -E "binary(slow) and test(/^simulation::nothing/)" --no-capture

# The simulation with these seeds on optimised code: for a hundred thousand of them.
sim-long SEEDS:
    SEEDS={{SEEDS}} cargo test --locked --release --test slow simulation -- --nocapture

# Takes the texts that people read as they are now; look at the diff before you commit it.
snapshots:
    INSTA_UPDATE=always cargo nextest run --locked --workspace
    git diff --stat

# Eight simulated hours in the terminal.
demo *ARGS:
    cargo run --locked -p demo -- {{ARGS}}

# Spelling, of words that are no names.
typos:
    typos

# Dependencies: licences, sources, bans. Advisories need the network.
deny:
    cargo fetch --locked
    cargo deny --offline check bans licenses sources

# The documentation of the crates, which must have no broken link.
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps

# checkov passes a template that it cannot read, so the last line wants to see what it counted.
# Is the template valid, and as safe as checkov wants it, with SAM and without?
template: package-template
    cfn-lint --template template.yaml
    sam validate --lint --region us-east-1
    CKV_SKIP_PACKAGE_UPDATE_CHECK=true checkov \
        | awk '{ print } /^Passed checks: [1-9][0-9]*, Failed checks: 0, Skipped checks: [0-9]*$/ { good = 1 } END { exit !good }'

# The template without SAM, for functions whose zip files are in a bucket: dist/template-packaged.yaml.
package-template:
    mkdir -p dist
    python3 package/template.py dist/template-packaged.yaml

# The release binaries, as they are deployed, for this machine's processor. sam builds one after the other and optimises each on a single
# processor, so both are built before it, at once.
build:
    cargo lambda build --release --bin start --bin check {{ if arch() == "aarch64" { "--arm64" } else { "" } }}
    sam build --region us-east-1 --parameter-overrides Architecture={{ if arch() == "aarch64" { "arm64" } else { "x86_64" } }}
    ls -l .aws-sam/build/StartFunction/bootstrap .aws-sam/build/CheckFunction/bootstrap

# Binaries, template and table, judged by moto, dynalite and botocore. `just build` comes first, and `just fast`, which leaves the
# command line behind.
py *ARGS:
    CLI_BINARY="$PWD/target/debug/eks-nodegroup-updater" \
    START_BINARY="$PWD/.aws-sam/build/StartFunction/bootstrap" CHECK_BINARY="$PWD/.aws-sam/build/CheckFunction/bootstrap" \
        python3 -m pytest --numprocesses auto --dist loadfile --timeout 600 --durations 5 tests/python {{ARGS}}

# The release binaries, two at once, killed at any instant.
processes:
    START_BINARY="$PWD/.aws-sam/build/StartFunction/bootstrap" CHECK_BINARY="$PWD/.aws-sam/build/CheckFunction/bootstrap" \
        cargo nextest run --locked --workspace --profile all -E "binary(slow) and test(/^processes/)"

# Everything that must pass before a change is kept; installs what it needs.
ci:
    .ci/run

# Needs ast-grep and PyYAML.
# Breaks each promise on purpose, and says after how many seeds the simulation finds out. About 20 minutes.
broken *NAMES:
    python3 tests/broken/run.py {{NAMES}}

# Changes the pure modules at random and sees that a test notices. Needs cargo-mutants.
mutants *ARGS:
    cargo mutants --file 'src/plan/**' --file 'src/model/**' --file 'src/reconcile/**' {{ARGS}} -- --test it --lib

# Fuzzes a target (event, answers, parameters, stored_item, tags_and_settings) for so many seconds. Needs cargo-fuzz.
fuzz TARGET SECONDS:
    RUSTC_BOOTSTRAP=1 cargo fuzz run {{TARGET}} -- -max_total_time={{SECONDS}}

# The functions as Lambda runs them, beside boto3 and Node.js: about ten minutes, and a few more the first time.
bench *ARGS:
    cargo run --locked --profile harness -p lambda-bench -- {{ARGS}}

# What the command line costs on a fleet of 3,000 node groups. The first build takes minutes.
bench-cli *ARGS:
    cargo build --locked --release -p eks-nodegroup-updater-cli
    python3 benches/cli/measure.py target/release/eks-nodegroup-updater {{ARGS}}

# How the plan grows with the fleet.
bench-plan:
    cargo bench --locked --bench plan

# Instructions of a cold start, sizes of binaries and archives: no more than before? `just build` comes first. Needs valgrind.
guard *ARGS:
    cargo build --locked --workspace --bin lambda-bench
    target/debug/lambda-bench guard --start .aws-sam/build/StartFunction/bootstrap \
        --check .aws-sam/build/CheckFunction/bootstrap {{ARGS}}

# Draws the README's pictures anew. Needs Graphviz and PyYAML (`pip install pyyaml`).
pictures:
    dot -Tsvg docs/images/flow.dot | python3 docs/images/flow.py docs/images/flow.svg
    python3 docs/images/terminal.py
    cargo run --quiet --locked -p demo -- --output json \
        | python3 docs/images/dashboard.py docs/images/dashboard.svg
