# The daily commands. `just` alone lists them.

default:
    @just --list

# Open the program
run *ARGS:
    cargo run --release -- {{ARGS}}

# What must pass before anything lands
gate:
    .ci/run

# All tests, or those whose names match
test *FILTER:
    cargo test {{FILTER}}

# Take in the transcripts' commands that have come to be exact
golden:
    UPDATE=1 cargo test --test golden

# Prove every lesson and question
lessons DIR="":
    cargo run --release -- lessons check {{DIR}}

# The figures
bench:
    cargo bench
