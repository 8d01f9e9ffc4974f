# The commands of this repository. `just` (https://just.systems) lists and runs them. They also work without it.
# Recipes that use scripts/ install their tools into .tools/ and need Python 3.10 to 3.13.

target := env("CARGO_TARGET_DIR", "target")
checks := ".tools/checks/bin"

[private]
default:
    @{{ just_executable() }} --list --unsorted

# Run all tests that need nothing but Rust; for one group: just test --test function events::
test *arguments:
    cargo test --workspace {{ arguments }}

# Show a week of backups on this machine; with --all also the sample events, or your own event files
example *arguments:
    cargo run --locked --example local -- {{ arguments }}

# Check in an AWS account what nobody has published; without --yes, only say how: just account --from us-west-2 --to us-east-1
account *arguments:
    cargo run --locked --example account -- {{ arguments }}

# Simulate weeks of a policy's runs, one per seed; each seed has other faults
simulation seeds="500":
    SIMULATION_SEEDS={{ seeds }} cargo test --locked --profile simulation --test simulation -- --nocapture

# Replay one seed of the simulation and print every step
seed number:
    SIMULATION_SEED={{ number }} cargo test --locked --test simulation -- --nocapture

# Format the Rust code
format:
    cargo fmt --all

# Run clippy
lint:
    cargo clippy --locked --workspace --all-targets -- -D warnings

# Without --examples, Cargo would check all libraries again with fewer features.
# Build the API documentation; warnings are errors
doc:
    RUSTDOCFLAGS=-Dwarnings cargo doc --locked --workspace --no-deps --lib --examples

# Call the emulator with boto3 and the AWS CLI
emulator-clients:
    scripts/tools.sh checks
    cargo build --locked --package lightsail-emulator
    PATH="$PWD/{{ checks }}:$PATH" python crates/emulator/tests/clients.py "{{ target }}/debug/lightsail-emulator"

# Check licences, bans and sources of the dependencies
deny:
    scripts/tools.sh checks
    {{ checks }}/cargo-deny --log-level error check licenses bans sources

# Check the dependencies for known vulnerabilities; downloads the RustSec database
audit:
    scripts/tools.sh checks
    {{ checks }}/cargo-deny check advisories

# Check the shell scripts and the files in .github/
scripts:
    scripts/check-scripts.sh

# Check the template: SAM, cfn-lint and checkov
template:
    scripts/check-template.sh

# Deploy the stack on this machine, drive it, and try install.sh; arguments go to pytest
stack *arguments:
    scripts/stack.sh {{ arguments }}

# Build the zip that AWS Lambda runs, for x86_64 or arm64
package *architecture:
    scripts/package.sh {{ architecture }}

# Run the package under AWS's Runtime Interface Emulator
rie:
    scripts/rie.sh

# Fuzz events, policies and Lightsail's answers, each for some seconds; needs a C++ compiler
fuzz seconds="600" *targets:
    scripts/fuzz.sh {{ seconds }} {{ targets }}

# Change what decides, and list the changes that no test notices: just mutants --shard 1/20
mutants *arguments:
    scripts/mutants.sh {{ arguments }}

# Write docs/benchmarks.md, an hour on an idle machine; or print only some parts: just bench soak
bench *parts:
    scripts/bench.sh {{ parts }}

# Run every check of a change, in CI and before a push (about 25 minutes the first time)
ci:
    .ci/run
