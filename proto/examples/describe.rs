//! Prints the native API, a line for each method, field and enum value, for `proto/released`.
#![allow(clippy::print_stdout, reason = "that is what it is for")]

mod support;

fn main() {
    print!("{}", support::describe());
}
