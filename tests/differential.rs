//! Our kubectl beside the real one, over the same files and the same cluster: standard output, standard error and exit
//! status must be equal.
//!
//! The cases are the lines of `differential/offline.txt` (no server needed) and `differential/served.txt` (over a
//! cluster that `kubedojo serve` runs). `differential/differs.txt` names the few that are known to differ, and why; a
//! line that has come to be equal must leave it. By default a part of the cases is run, so that all tests together stay
//! quick: every tenth without a server, at least four hundred over a cluster. `ALL=1 cargo test --test differential`
//! runs every one of them.
//! Time passes in a served cluster: where the answers differ both are asked again, and what is known to move, as ages,
//! is folded. Where there is no kubectl the tests say loudly that they were skipped.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a test may stop where it stands, and use threads

use regex::Regex;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/differential");
const OURS: &str = env!("CARGO_BIN_EXE_kubedojo");
/// Cases that run at a time.
const WORKERS: usize = 3;

/// The real kubectls, oldest first.
fn real() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|dir| dir.join("kubectl")).find(|file| file.exists());
    let Some(found) = found.and_then(|file| fs::canonicalize(file).ok()) else { return Vec::new() };
    let minor = |file: &PathBuf| file.extension()?.to_str()?.parse::<u32>().ok();
    let mut beside: Vec<PathBuf> = fs::read_dir(found.parent().unwrap())
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .filter(|file| file.file_stem().is_some_and(|stem| stem == "kubectl.1") && minor(file).is_some())
        .collect();
    beside.sort_by_key(minor);
    if beside.is_empty() { vec![found] } else { beside }
}

/// Says something that the test harness does not keep to itself.
fn say(what: &str) {
    writeln!(std::io::stderr(), "{what}").ok();
}

fn skipped(what: &str) {
    say(&format!("\n*** SKIPPED: {what}: there is no kubectl on PATH to compare with ***\n"));
}

/// A folder of this test, gone at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("kubedojo-{name}-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).unwrap();
        }
    }
}

/// Both kubectls, each in a folder of its own, and what they talk to.
struct Pair {
    scratch: Scratch,
    kubeconfig: String,
    /// How often both are asked before they are held to differ.
    tries: usize,
    folds: Vec<(Regex, &'static str)>,
}

/// What a command answered.
#[derive(PartialEq)]
struct Answer {
    out: String,
    err: String,
    status: Option<i32>,
}

impl Pair {
    fn new(real: &Path, kubeconfig: &str, tries: usize) -> Self {
        let scratch = Scratch::new("pair");
        for (name, file) in [("real", real), ("ours", Path::new(OURS))] {
            fs::create_dir_all(scratch.0.join(name)).unwrap();
            symlink(file, scratch.0.join(name).join("kubectl")).unwrap();
        }
        Self { scratch, kubeconfig: kubeconfig.to_owned(), tries, folds: folds() }
    }

    fn run(&self, who: &str, line: &str) -> Answer {
        let work = Scratch::new("case");
        copy(&Path::new(HERE).join("files"), &work.0);
        fs::copy(Path::new(HERE).join("state.yaml"), work.0.join("state.yaml")).unwrap();
        let path = format!("{}:/usr/bin:/bin", self.scratch.0.join(who).display());
        let output = Command::new("timeout")
            .args(["60", "sh", "-c", line])
            .current_dir(&work.0)
            .env_clear()
            .envs([("PATH", path.as_str()), ("LANG", "C"), ("KUBECONFIG", &self.kubeconfig)])
            .env("HOME", &work.0)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes).replace(work.0.to_str().unwrap(), "<work>");
            self.folds.iter().fold(text, |text, (pattern, to)| pattern.replace_all(&text, *to).into_owned())
        };
        Answer { out: text(&output.stdout), err: text(&output.stderr), status: output.status.code() }
    }

    /// What differs, for a person to read; empty when nothing does. A difference must be there each time that both are
    /// asked: what came about between the two is none.
    fn difference(&self, line: &str) -> String {
        let (mut real, mut ours) = (self.run("real", line), self.run("ours", line));
        for _ in 1..self.tries {
            if real == ours {
                break;
            }
            real = self.run("real", line);
            if real != ours {
                ours = self.run("ours", line);
            }
        }
        let mut said = String::new();
        for (what, real, ours) in [("out", &real.out, &ours.out), ("err", &real.err, &ours.err)] {
            if real != ours {
                let diff = similar::TextDiff::from_lines(real.as_str(), ours.as_str());
                said += &diff.unified_diff().context_radius(1).header(what, "ours").to_string();
            }
        }
        if real.status != ours.status {
            said += &format!("exit {:?} -> {:?}\n", real.status, ours.status);
        }
        said
    }
}

/// What differs from run to run, and where kubectl 1.36, which ours follows, differs from the newest that is found.
fn folds() -> Vec<(Regex, &'static str)> {
    [
        // From run to run.
        (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "<uid>"),
        (r"(?m)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "<time>"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ \+0000", "<time>"),
        (r"\b\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", "<time>"),
        (r#"(resourceVersion"?:? "?)\d+"#, "${1}<n>"),
        (r"(LIVE|MERGED)-\d+", "$1-<n>"),
        (r"kube-api-access-[a-z0-9]{5}", "kube-api-access-<gen>"),
        (r"\b(\d+d)?(\d+h)?(\d+m)?\d+(s|m|h|d)( ago)?\b", "<age>"),
        (r"(?m)^[EIW]\d{4} [^\n]*\n", ""),
        (r"[ \t]+", " "),
        (r"(?m) $", ""),
        (r"-{3,}", "---"),
        // Deletions name the namespace since 1.34.
        (r" from \S+ namespace\b", ""),
        // Events name the container since 1.35.
        (r"spec\.\w*[cC]ontainers\{[^}\n]*\}: ", ""),
        // An unset creation time is no longer printed since 1.34.
        (r#"\n\s*"?creationTimestamp"?: null,?"#, ""),
        (r#","creationTimestamp":null"#, ""),
        (r#"",(\n\s*\})"#, "\"$1"),
        (r"metadata:(\n\s*spec:)", "metadata: {}$1"),
        // Who is asked.
        (r"v1\.3\d\.\d+", "v1.<n>"),
        (r"Kustomize Version: \S+", "Kustomize Version: <n>"),
        (r"(?m)^WARNING: version difference [^\n]*\n", ""),
    ]
    .into_iter()
    .map(|(pattern, to)| (Regex::new(pattern).unwrap(), to))
    .collect()
}

/// The lines of a file and the headings that they stand under.
fn cases(file: &str) -> Vec<(String, String)> {
    let (mut heading, mut found) = (String::new(), Vec::new());
    for line in fs::read_to_string(Path::new(HERE).join(file)).unwrap().lines() {
        if let Some(next) = line.strip_prefix("## ") {
            next.clone_into(&mut heading);
        } else if !line.is_empty() && !line.starts_with('#') {
            found.push((heading.clone(), line.to_owned()));
        }
    }
    found
}

/// The cases that are run by default: those whose number leaves less than `keep` when it is divided by `of`, without
/// those that are known to differ.
fn chosen(cases: Vec<(String, String)>, keep: usize, of: usize) -> Vec<String> {
    let known = cases_of_differs();
    let lines = cases.into_iter().map(|(_, line)| line);
    if all() {
        return lines.collect();
    }
    lines
        .enumerate()
        .filter(|(at, line)| at % of < keep && !known.contains(line))
        .map(|(_, line)| line)
        .collect()
}

fn all() -> bool {
    std::env::var_os("ALL").is_some()
}

/// Runs the cases, some at a time, and holds them to what is known to differ. How many they were.
fn hold(pair: &Pair, cases: &[String], workers: usize) -> usize {
    let known = cases_of_differs();
    let next = AtomicUsize::new(0);
    let told = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(line) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let difference = pair.difference(line);
                    let is_known = known.contains(line);
                    if difference.is_empty() == is_known {
                        let what = if is_known {
                            "  is equal now: take it out of differs.txt\n".to_owned()
                        } else {
                            difference
                        };
                        told.lock().unwrap().push(format!("$ {line}\n{what}"));
                    }
                }
            });
        }
    });
    let told = told.into_inner().unwrap();
    say(&format!("{} commands compared, {} as not expected", cases.len(), told.len()));
    assert!(told.is_empty(), "{}", told.concat());
    cases.len()
}

fn cases_of_differs() -> Vec<String> {
    cases("differs.txt").into_iter().map(|(_, line)| line).collect()
}

#[test]
fn without_a_server() {
    let Some(newest) = real().pop() else { return skipped("commands without a server") };
    hold(&Pair::new(&newest, "kubeconfig", 1), &chosen(cases("offline.txt"), 1, 10), WORKERS);
}

/// A served cluster; it ends with the test.
struct Served {
    child: Child,
    scratch: Scratch,
}

impl Served {
    fn start(real: &Path) -> Self {
        let scratch = Scratch::new("served");
        let kubeconfig = scratch.0.join("config");
        let mut child = Command::new(OURS)
            .args(["serve", "--port", "0", "--kubeconfig"])
            .arg(&kubeconfig)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        while !lines.next().unwrap().unwrap().contains("KUBECONFIG") {}
        // What it says later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let served = Self { child, scratch };
        let state = Path::new(HERE).join("state.yaml");
        let applied = served.kubectl(real, &["apply", "-f", state.to_str().unwrap()]);
        assert!(applied.0, "the state could not be made:\n{}", applied.1);
        for (what, condition) in [
            ("deploy/web", "condition=Available"),
            ("pod/plain", "condition=Ready"),
            ("job/once", "condition=Complete"),
        ] {
            let wait = ["wait", "-n", "shop", what, "--for", condition, "--timeout=120s"];
            let waited = served.kubectl(real, &wait);
            assert!(waited.0, "{what} never came to {condition}:\n{}", waited.1);
        }
        served
    }

    fn kubeconfig(&self) -> String {
        self.scratch.0.join("config").to_str().unwrap().to_owned()
    }

    fn kubectl(&self, real: &Path, args: &[&str]) -> (bool, String) {
        let output = Command::new("timeout")
            .arg("150")
            .arg(real)
            .args(args)
            .env("KUBECONFIG", self.kubeconfig())
            .env("HOME", &self.scratch.0)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn over_a_served_cluster() {
    let kubectls = real();
    let Some(newest) = kubectls.last() else { return skipped("commands over a served cluster") };
    let served = Served::start(newest);
    let (writes, reads): (Vec<_>, Vec<_>) =
        cases("served.txt").into_iter().partition(|(heading, _)| heading == "writes");
    let reading = Pair::new(newest, &served.kubeconfig(), 3);
    let compared = hold(&reading, &chosen(reads, 6, 7), WORKERS);
    // Writes change what they find: they are done once, one after another.
    let writing = Pair::new(newest, &served.kubeconfig(), 1);
    let compared = compared + hold(&writing, &chosen(writes, 1, 8), 1);
    assert!(compared >= 400, "{compared} commands are not many");
    let older = &kubectls[..kubectls.len() - 1];
    std::thread::scope(|scope| {
        for kubectl in older {
            scope.spawn(|| works(&served, kubectl));
        }
    });
    say(&format!("{} older kubectls work with the cluster", older.len()));
}

/// An older kubectl can work with the cluster, in a namespace of its own.
fn works(served: &Served, kubectl: &Path) {
    let list = Path::new(HERE).join("files/list.yaml");
    let list = list.to_str().unwrap();
    let namespace = format!("old-{}", kubectl.extension().unwrap().to_str().unwrap());
    let namespace = namespace.as_str();
    for args in [
        &["get", "pods", "-A", "-o", "wide"][..],
        &["describe", "node", "worker-1"],
        &["create", "namespace", namespace],
        &["create", "deployment", "old", "--image=nginx"],
        &["rollout", "status", "deployment/old", "--timeout=120s"],
        &["scale", "deployment/old", "--replicas=2"],
        &["delete", "deployment", "old"],
        &["apply", "-f", list],
        &["apply", "-f", list, "--server-side", "--force-conflicts"],
        &["delete", "-f", list],
        &["explain", "pods.spec"],
        &["api-resources"],
    ] {
        let args: Vec<&str> = if args.contains(&"-A") || args.contains(&"namespace") {
            args.to_vec()
        } else {
            ["-n", namespace].into_iter().chain(args.iter().copied()).collect()
        };
        let (well, said) = served.kubectl(kubectl, &args);
        assert!(well, "{} {}:\n{said}", kubectl.display(), args.join(" "));
    }
}
