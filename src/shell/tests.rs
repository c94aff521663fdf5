//! The learner's shell against a cluster.

use super::{Control, HOME, Job, Shell};
use crate::client::Client;
use crate::cluster::{Cluster, Config};
use std::cell::RefCell;
use std::rc::Rc;

struct Lab {
    cluster: Rc<RefCell<Cluster>>,
    shell: Shell,
}

impl Lab {
    fn new() -> Self {
        let cluster = Rc::new(RefCell::new(Cluster::new(Config::default())));
        let shell = Shell::new(Client::new(Rc::clone(&cluster)));
        Self { cluster, shell }
    }

    /// Runs a line to its end; time jumps. Answers output and status.
    fn run(&mut self, line: &str) -> (String, i32) {
        self.shell.start(line);
        self.finish()
    }

    fn finish(&mut self) -> (String, i32) {
        let mut text = String::new();
        for _ in 0..10_000 {
            let job = self.shell.poll();
            text.extend(self.shell.take_output().into_iter().map(|chunk| chunk.text));
            match job {
                Job::Done(status) => return (text, status),
                Job::Waiting(until) => {
                    let next = self.cluster.borrow().next_deadline().into_iter().chain(until).min();
                    let Some(next) = next else { return (text + "(waits)", -1) };
                    let next = next.max(self.cluster.borrow().now());
                    self.cluster.borrow_mut().advance(next, 1000);
                }
                Job::Editing(path) => return (format!("{text}(edits {path})"), -2),
                Job::Idle => return (text, -3),
            }
        }
        (text, -4)
    }
}

#[test]
fn runs_commands_over_files() {
    let mut lab = Lab::new();
    assert_eq!(lab.run("pwd; echo $USER@$HOSTNAME > f; cat f"), (format!("{HOME}\nlearner@dojo\n"), 0));
    assert_eq!(lab.run("mkdir d; cd d; alias e=echo; x=5"), (String::new(), 0));
    assert_eq!(lab.shell.cwd(), "~/d");
    assert_eq!(lab.run("e $x; sleep 3; false"), ("5\n".into(), 1));
    assert_eq!(lab.run("kubctl get pods"), ("bash: kubctl: command not found\n".into(), 127));
    assert_eq!(lab.shell.take_hint().as_deref(), Some("kubectl"));
    assert_eq!(lab.run("echo 'a"), ("bash: unexpected EOF while looking for matching `''\n".into(), 2));
    assert_eq!(
        lab.run("clear; dojo speed 10; dojo nonsense"),
        (
            format!(
                "dojo: unknown command \"nonsense\"\n{}",
                "dojo node add NAME [--cpu N] [--memory SIZE] [--gpu N] [--label K=V]... [--taint K=V:EFFECT]...\ndojo node remove|fail|recover NAME\ndojo addon metrics-server\ndojo undo | reset | hint | check | rollout\ndojo speed N|pause|quiet\n"
            ),
            1
        )
    );
    assert_eq!(lab.shell.take_requests(), [Control::Clear, Control::Speed(10)]);
}

#[test]
fn kubectl_reads_what_is_for_it_alone() {
    let mut lab = Lab::new();
    let script = "printf 'default\\nkube-system\\n' | while read ns; do k get ns $ns -o name; done";
    assert_eq!(lab.run(script), ("namespace/default\nnamespace/kube-system\n".into(), 0));
    let apply = "kubectl apply -f - <<EOF\napiVersion: v1\nkind: Namespace\nmetadata: {name: lab}\nEOF\nk get ns lab -o json | jq -r .metadata.name";
    assert_eq!(lab.run(apply), ("namespace/lab created\nlab\n".into(), 0));
}

#[test]
fn edits_through_the_interface() {
    let mut lab = Lab::new();
    assert_eq!(lab.run("vi notes; cat notes").0, format!("(edits {HOME}/notes)"));
    lab.shell.edited(Some("hello\n".into()));
    assert_eq!(lab.finish(), ("hello\n".into(), 0));
    assert_eq!(lab.run("nano notes").1, -2);
    lab.shell.interrupt();
    assert_eq!(lab.finish(), (String::new(), 130));
}

#[test]
fn keeps_and_restores() {
    let mut lab = Lab::new();
    lab.run("x=1; echo a > f; cd /tmp");
    let kept = lab.shell.kept();
    lab.run("x=2; rm ~/f; cd /");
    lab.shell.restore(kept);
    assert_eq!(lab.run("echo $x $PWD; cat ~/f"), ("1 /tmp\na\n".into(), 0));
}

#[test]
fn completes() {
    let mut lab = Lab::new();
    lab.run("mkdir dir; touch file.yaml");
    let all = |line: &str| lab.shell.complete(line, line.len());
    assert_eq!(all("kubect").candidates, ["kubectl "]);
    assert!(all("kubectl ge").candidates.contains(&"get ".to_owned()));
    assert_eq!(all("kubectl get nod").candidates, ["nodes "]);
    assert_eq!(all("kubectl get nodes worker-").candidates.len(), 3);
    assert_eq!(all("kubectl get no/worker-1").candidates, ["no/worker-1 "]);
    assert_eq!(all("kubectl get pods -n kube-sy").candidates, ["kube-system "]);
    assert_eq!(
        all("kubectl get pods --namespace=kube-sy"),
        super::Completion { start: 29, candidates: vec!["kube-system ".into()] }
    );
    assert_eq!(all("kubectl apply -f fi").candidates, ["file.yaml "]);
    assert_eq!(all("cat d").candidates, ["dir/"]);
    assert_eq!(all("echo $HOM").candidates, ["$HOME"]);
    assert!(all("kubectl get --all-n").candidates.contains(&"--all-namespaces ".to_owned()));
    assert_eq!(all("dojo node fail worker-1").candidates, ["worker-1 "]);
}

#[test]
fn yq_filters_yaml() {
    let mut lab = Lab::new();
    assert_eq!(lab.run("printf 'a:\\n  b: [1, 2]\\n' | yq '.a.b[1]'"), ("2\n".into(), 0));
    assert_eq!(lab.run("printf 'a: {b: 1}\\n' | yq .a"), ("b: 1\n".into(), 0));
}
