//! Starting processes: tools, commands of the world, shells, scripts.
//!
//! Always holds: there is one order in which a name is looked up, for the shell and for tools that run commands.

use super::interp::Interp;
use super::kernel::{Body, Fds, Handle, Kernel, Running};
use super::tools::{self, Io};
use super::{Call, Flavour, World, resolve_path};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A command to be started as a process.
pub(super) struct Launch<'a> {
    pub argv: &'a [String],
    pub env: BTreeMap<String, String>,
    pub cwd: Arc<str>,
    pub fds: Fds,
}

/// Starts a tool, a command of the world, a shell, or a script, as a process.
///
/// # Errors
/// What is said, and the status: 127 not found, 126 not executable.
pub(super) fn launch(
    kernel: &mut Kernel,
    world: &mut dyn World,
    parent: u32,
    launch: &Launch,
) -> Result<u32, (String, i32)> {
    let Some(name) = launch.argv.first() else { return Err(("missing command".into(), 127)) };
    let refuse = || ("fork: retry: Resource temporarily unavailable".to_owned(), 254);
    let terminal = kernel.terminal && launch.fds.get(&1) == Some(&Handle::Stdout);
    if let Some(body) = shell_body(launch, world)? {
        return kernel.spawn(parent, body, launch.fds.clone()).ok_or_else(refuse);
    }
    if let Some(tool) = tools::find(name, world) {
        let (mut input, mut writes) = (Vec::new(), Vec::new());
        let mut io = Io {
            world,
            input: &mut input,
            eof: false,
            writes: &mut writes,
            cwd: &launch.cwd,
            env: &launch.env,
            terminal,
            result: None,
        };
        let tool = tools::start(tool, launch.argv, &mut io);
        let running = Running {
            tool,
            env: launch.env.clone(),
            cwd: Arc::clone(&launch.cwd),
            child: None,
            deadline: None,
            result: None,
        };
        let pid =
            kernel.spawn(parent, Body::Tool(Box::new(running)), launch.fds.clone()).ok_or_else(refuse)?;
        if let Some(proc) = kernel.procs.get_mut(&pid) {
            for (fd, bytes) in writes {
                let handle = proc.fds.get(&fd).cloned().unwrap_or(Handle::Null);
                proc.pending.push_back((handle, bytes));
            }
        }
        return Ok(pid);
    }
    let call =
        Call { argv: launch.argv.to_vec(), env: launch.env.clone(), cwd: launch.cwd.to_string(), terminal };
    if let Some(child) = world.spawn(&call) {
        return kernel.spawn(parent, Body::World(child), launch.fds.clone()).ok_or_else(refuse);
    }
    if name.contains('/') {
        return match world.stat(&resolve_path(&launch.cwd, name)) {
            Ok(info) if info.directory => Err((format!("{name}: Is a directory"), 126)),
            Ok(_) => Err((format!("{name}: Permission denied"), 126)),
            Err(_) if world.flavour() == Flavour::Busybox => Err((format!("{name}: not found"), 127)),
            Err(why) => Err((format!("{name}: {why}"), 127)),
        };
    }
    let found = if world.flavour() == Flavour::Busybox { "not found" } else { "command not found" };
    Err((format!("{name}: {found}"), 127))
}

/// `sh`, `bash`, and scripts by their path.
fn shell_body(launch: &Launch, world: &mut dyn World) -> Result<Option<Body>, (String, i32)> {
    let name = tools::plain_name(&launch.argv[0]);
    let shell = matches!(name, "sh" | "bash" | "ash" | "dash") && world.provides(name);
    let mut args = &launch.argv[1..];
    let mut script_name = launch.argv[0].clone();
    let mut script: Option<String> = None;
    let mut flags = super::state::Options::default();
    let read = |world: &mut dyn World, path: &str| {
        let bytes = world.read(&resolve_path(&launch.cwd, path));
        bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    };
    if shell {
        while let Some(flag) = args.first().filter(|a| a.len() > 1 && a.starts_with(['-', '+'])) {
            let on = flag.starts_with('-');
            let mut takes_command = false;
            for c in flag[1..].chars() {
                match c {
                    'c' => takes_command = true,
                    'e' => flags.errexit = on,
                    'u' => flags.nounset = on,
                    'x' => flags.xtrace = on,
                    _ => {}
                }
            }
            args = &args[1..];
            if takes_command {
                let Some((text, rest)) = args.split_first() else {
                    return Err(("-c: option requires an argument".into(), 2));
                };
                script = Some(text.clone());
                args = rest;
                if let Some((zero, rest)) = args.split_first() {
                    script_name.clone_from(zero);
                    args = rest;
                }
                break;
            }
        }
        if script.is_none()
            && let Some((path, rest)) = args.split_first()
        {
            match read(world, path) {
                Ok(text) => script = Some(text),
                Err(why) => return Err((format!("{path}: {why}"), 127)),
            }
            script_name.clone_from(path);
            args = rest;
        }
    } else if launch.argv[0].contains('/') {
        let path = resolve_path(&launch.cwd, &launch.argv[0]);
        match world.stat(&path) {
            Ok(info) if !info.directory && info.mode & 0o111 != 0 => match read(world, &path) {
                Ok(text) if !text.is_empty() => script = Some(text),
                _ => return Ok(None),
            },
            _ => return Ok(None),
        }
    } else {
        return Ok(None);
    }
    let mut interp = Interp::new(&script_name, args, &launch.env, &launch.cwd);
    interp.shell.options = flags;
    interp.shell.started = world.now();
    match script {
        None => interp.read_commands(None),
        Some(text) => match super::parse::parse(&text) {
            Ok(code) => interp.begin(code),
            Err(error) => return Err((error.message, 2)),
        },
    }
    Ok(Some(Body::Shell(Box::new(interp))))
}
