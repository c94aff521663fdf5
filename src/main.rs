//! The program: hands the command line to [`kubedojo::cli`] and exits with its status.

fn main() -> color_eyre::Result<std::process::ExitCode> {
    kubedojo::cli::main()
}
