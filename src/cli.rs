//! What is typed to start the program: the command line's one definition, for parsing, help and completions.

use crate::cluster::{Config, NodeConfig};
use crate::course::format::Problem;
use crate::course::prove::prove;
use crate::course::{Collection, Language, Library, chapters, fidelity};
use crate::headless::{self, Form};
use crate::school::SessionLab;
use crate::server::{self, Settings};
use crate::session::Session;
use crate::standalone;
use crate::tui::{self, Opening};
use anyhow::{Context, Result, anyhow};
use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "kubedojo", version, about = "Learn Kubernetes by doing it, in a simulated cluster", long_about = None)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// The language of interface and lessons (from the locale when not given)
    #[arg(long, global = true, value_name = "LANG")]
    lang: Option<Lang>,
    /// Names every random choice: the same seed and commands give the same answers
    #[arg(long, global = true, value_name = "N")]
    seed: Option<u64>,
    /// Read lessons and questions from this folder instead of those built in
    #[arg(long, global = true, value_name = "DIR")]
    lessons: Option<PathBuf>,
}

/// The languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Lang {
    /// English
    En,
    /// 한국어
    Ko,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Open a lesson, or go on where you left off
    Learn {
        /// The lesson's id (see `kubedojo lessons`)
        lesson: Option<String>,
    },
    /// Open a free cluster
    Sandbox,
    /// Answer questions
    Quiz {
        /// The topic (see `kubedojo lessons`)
        topic: Option<String>,
    },
    /// Run a script without the interface; waiting takes no time
    Run {
        /// The script, or - for standard input
        script: PathBuf,
        /// Print each command with its answer and exit status
        #[arg(long)]
        transcript: bool,
        /// How many worker nodes there are
        #[arg(long, value_name = "N", default_value_t = 3)]
        workers: usize,
        /// A cloud gives addresses to Services of type `LoadBalancer`
        #[arg(long)]
        cloud: bool,
    },
    /// Serve a cluster over HTTPS on this machine, for kubectl and other clients
    Serve {
        /// The port; 0 for any that is free
        #[arg(long, value_name = "PORT", default_value_t = 6443)]
        port: u16,
        /// How many seconds pass in the cluster in a second
        #[arg(long, value_name = "TIMES", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
        speed: u32,
        /// How many worker nodes there are
        #[arg(long, value_name = "N", default_value_t = 3)]
        nodes: usize,
        /// A cloud gives addresses to Services of type `LoadBalancer`
        #[arg(long)]
        cloud: bool,
        /// Manifests to begin with: a file, or a folder of them
        #[arg(long, value_name = "FILE|DIR")]
        load: Vec<PathBuf>,
        /// Add to the cluster: metrics-server
        #[arg(long, value_name = "NAME")]
        addon: Vec<String>,
        /// Where to write the kubeconfig
        #[arg(long, value_name = "FILE")]
        kubeconfig: Option<PathBuf>,
        /// Print what clients do
        #[arg(long, short)]
        verbose: bool,
    },
    /// Run kubectl against the cluster that KUBECONFIG names (also when this program is called kubectl)
    #[command(disable_help_flag = true)]
    Kubectl {
        /// What kubectl is told
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// List the lessons and quiz topics
    Lessons {
        #[command(subcommand)]
        action: Option<LessonsAction>,
    },
    /// Say what is exact, what is simplified, and what is not modelled
    Fidelity,
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Subcommand)]
enum LessonsAction {
    /// Prove every lesson and question: unsolved at the start, solved by its solution, and by no wrong attempt
    Check {
        /// A folder of lessons; those built in when not given
        dir: Option<PathBuf>,
    },
}

/// Reads the command line, runs what it asks for, and tells what went wrong in a sentence with its cause.
pub fn main() -> ExitCode {
    run_command_line().unwrap_or_else(|error| {
        writeln!(io::stderr(), "error: {error:#}").ok();
        ExitCode::FAILURE
    })
}

fn run_command_line() -> Result<ExitCode> {
    if let Some(args) = kubectl_line(std::env::args_os()) {
        return kubectl(args);
    }
    let cli = Cli::parse();
    match &cli.command {
        Some(Command::Run { script, transcript, workers, cloud }) => {
            let form = if *transcript { Form::Transcript } else { Form::Plain };
            let config = Config { cloud: *cloud, lenient_images: *transcript, ..config(&cli, *workers) };
            run(script, form, config)
        }
        Some(Command::Serve { port, speed, nodes, cloud, load, addon, kubeconfig, verbose }) => {
            let settings =
                Settings { port: *port, speed: *speed, kubeconfig: kubeconfig.clone(), verbose: *verbose };
            let config = Config { cloud: *cloud, ..config(&cli, *nodes) };
            server::run(config, &settings, |session| {
                addon.iter().try_for_each(|name| server::add(session, name))?;
                server::load(session, load)
            })
        }
        Some(Command::Kubectl { args }) => kubectl(args.clone()),
        Some(Command::Completions { shell }) => {
            clap_complete::generate(*shell, &mut Cli::command(), "kubedojo", &mut io::stdout());
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Fidelity) => {
            print(&fidelity::render(language(&cli)).map_err(|e| anyhow!(e))?)?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Lessons { action: None }) => list_lessons(&cli),
        Some(Command::Lessons { action: Some(LessonsAction::Check { dir }) }) => {
            check_lessons(dir.as_deref().or(cli.lessons.as_deref()))
        }
        None => interface(&cli, &Opening::Home),
        Some(Command::Learn { lesson }) => interface(&cli, &Opening::Lesson(lesson.clone())),
        Some(Command::Sandbox) => interface(&cli, &Opening::Sandbox),
        Some(Command::Quiz { topic }) => interface(&cli, &Opening::Quiz(topic.clone())),
    }
}

/// The command line behind `kubectl`, when the program is called so or that is its first word: kubectl's flags are its own.
fn kubectl_line(mut line: impl Iterator<Item = OsString>) -> Option<Vec<String>> {
    let program = PathBuf::from(line.next()?);
    let is_kubectl = |name: &std::ffi::OsStr| name == "kubectl";
    let called_so = program.file_stem().is_some_and(is_kubectl);
    if called_so || line.next().is_some_and(|word| is_kubectl(&word)) {
        return Some(line.map(|word| word.to_string_lossy().into_owned()).collect());
    }
    None
}

fn kubectl(args: Vec<String>) -> Result<ExitCode> {
    match standalone::run(args) {
        Ok(status) => Ok(ExitCode::from(u8::try_from(status).unwrap_or(1))),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::from(141)),
        Err(error) => Err(error).context("cannot run kubectl"),
    }
}

/// Opens the interface in the terminal.
fn interface(cli: &Cli, opening: &Opening) -> Result<ExitCode> {
    let (library, problems) = library(cli.lessons.as_deref())?;
    if !problems.is_empty() {
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        return Err(anyhow!("these lessons cannot be used:\n{}", told.join("\n")));
    }
    let language = cli.lang.map(|lang| if lang == Lang::Ko { Language::Ko } else { Language::En });
    tui::run(library, language, config(cli, 3), opening)
}

/// The language asked for, or that of the locale.
fn language(cli: &Cli) -> Language {
    match cli.lang {
        Some(Lang::En) => Language::En,
        Some(Lang::Ko) => Language::Ko,
        None => {
            let set = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
            let locale = set("LC_ALL").or_else(|| set("LC_MESSAGES")).or_else(|| set("LANG"));
            Language::from_locale(&locale.unwrap_or_default())
        }
    }
}

/// The lessons to use: those of a folder with what is wrong in them, or those built in.
fn library(dir: Option<&Path>) -> Result<(Library, Vec<Problem>)> {
    let Some(dir) = dir else { return Ok((Library::built_in(), Vec::new())) };
    let (collection, problems) = collection(dir)?;
    Ok((collection.into(), problems))
}

/// The lessons and questions of a folder, read whole.
fn collection(dir: &Path) -> Result<(Collection, Vec<Problem>)> {
    Collection::of_folder(dir).with_context(|| format!("cannot read the lessons in {}", dir.display()))
}

/// Prints to standard output. That its reader has gone, as `head` does, is no failure.
fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error).context("cannot print"),
        _ => Ok(()),
    }
}

fn list_lessons(cli: &Cli) -> Result<ExitCode> {
    let (library, problems) = library(cli.lessons.as_deref())?;
    let language = language(cli);
    let (mut chapter, mut text) = (None, String::new());
    for lesson in &library.lessons {
        let place = chapters::place(&lesson.chapter);
        if let Some(place) = place.filter(|_| place != chapter) {
            text.push_str(&format!("{}\n", chapters::CHAPTERS[place].title(language)));
            chapter = Some(place);
        }
        let questions = library.tags(&lesson.id).count();
        let title = lesson.title.get(language);
        text.push_str(&format!("  {:<16} {title} ({questions} questions)\n", lesson.id));
    }
    print(&text)?;
    for problem in &problems {
        eprintln!("{problem}");
    }
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn check_lessons(dir: Option<&Path>) -> Result<ExitCode> {
    let (all, mut problems) = dir.map_or_else(|| Ok(Collection::built_in()), collection)?;
    let lab = SessionLab::default();
    problems.extend(prove(&all, &lab, &mut |id| eprintln!("proving {id}")));
    for problem in &problems {
        print(&format!("{problem}\n"))?;
    }
    let (lessons, questions) = (all.lessons.len(), all.questions.len());
    if problems.is_empty() {
        print(&format!("{lessons} lessons and {questions} questions hold\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::FAILURE)
}

fn config(cli: &Cli, workers: usize) -> Config {
    let mut nodes = vec![NodeConfig::control_plane("control-plane")];
    nodes.extend((1..=workers).map(|i| NodeConfig::worker(&format!("worker-{i}"))));
    let base = Config::default();
    Config { seed: cli.seed.unwrap_or(base.seed), nodes, ..base }
}

fn run(script: &PathBuf, form: Form, config: Config) -> Result<ExitCode> {
    let mut bytes = Vec::new();
    if script.as_os_str() == "-" {
        io::stdin().read_to_end(&mut bytes).context("cannot read the script from standard input")?;
    } else {
        bytes =
            std::fs::read(script).with_context(|| format!("cannot read the script {}", script.display()))?;
    }
    let text = String::from_utf8_lossy(&bytes);
    let mut session = Session::new(config);
    match headless::run(&mut session, &text, form, &mut io::stdout(), &mut io::stderr()) {
        Ok(status) => Ok(ExitCode::from(u8::try_from(status).unwrap_or(1))),
        // Whoever read our output has seen enough: as with any tool in a pipe, that is no failure to report.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::from(141)),
        Err(error) => Err(error).context("cannot write the output"),
    }
}
