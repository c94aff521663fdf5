//! The program: hands the command line to [`kubedojo::cli`] and exits with its status.

fn main() -> std::process::ExitCode {
    kubedojo::cli::main()
}
