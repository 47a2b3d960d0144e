//! The operator's command line: `kassactl --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    kassactl::main()
}
