//! The shell's behaviour as a table: script, standard output, standard error, status.

use super::files::Tree;
use super::{Call, ChildId, ChildOutput, FileError, FileInfo, Machine, State, World};
use std::collections::BTreeMap;

/// Files in memory, and a clock that jumps.
pub(super) struct Little {
    pub tree: Tree,
    pub now: u64,
}

impl Little {
    pub(super) fn new() -> Self {
        let mut tree = Tree::new();
        tree.make_dirs("/home/me", 0);
        tree.make_dirs("/tmp", 0);
        Self { tree, now: 1_709_210_096_000_000_000 }
    }
}

impl World for Little {
    fn now(&self) -> u64 {
        self.now
    }
    fn read(&mut self, path: &str) -> Result<Vec<u8>, FileError> {
        self.tree.read(path)
    }
    fn write(&mut self, path: &str, content: &[u8], append: bool) -> Result<(), FileError> {
        self.tree.write(path, content, append, self.now)
    }
    fn list(&mut self, path: &str) -> Result<Vec<String>, FileError> {
        self.tree.list(path)
    }
    fn stat(&mut self, path: &str) -> Result<FileInfo, FileError> {
        self.tree.stat(path)
    }
    fn make_dir(&mut self, path: &str) -> Result<(), FileError> {
        self.tree.make_dir(path, self.now)
    }
    fn remove(&mut self, path: &str) -> Result<(), FileError> {
        self.tree.remove(path)
    }
    fn rename(&mut self, from: &str, to: &str) -> Result<(), FileError> {
        self.tree.rename(from, to)
    }
    fn chmod(&mut self, path: &str, mode: u32) -> Result<(), FileError> {
        self.tree.chmod(path, mode)
    }
    fn spawn(&mut self, _call: &Call) -> Option<ChildId> {
        None
    }
    fn feed(&mut self, _child: ChildId, _input: Option<&[u8]>) {}
    fn poll(&mut self, _child: ChildId) -> ChildOutput {
        ChildOutput { status: Some(1), ..ChildOutput::default() }
    }
    fn signal(&mut self, _child: ChildId, _signal: i32) {}
    fn commands(&self) -> Vec<String> {
        Vec::new()
    }
    fn hostname(&self) -> String {
        "little".into()
    }
}

/// What a script prints, and its status; `-1` when it does not end.
pub(super) fn run(script: &str, stdin: &[u8]) -> (String, String, i32) {
    let mut world = Little::new();
    let env = BTreeMap::from([("HOME".to_owned(), "/home/me".to_owned())]);
    let mut machine = match Machine::new(script, &["bash".into()], &env, "/home/me") {
        Ok(machine) => machine,
        Err(error) => return (String::new(), format!("bash: {}\n", error.message), 2),
    };
    machine.push_stdin(stdin);
    machine.close_stdin();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    for _ in 0..2000 {
        let state = machine.run(&mut world, 2000);
        let (o, e) = machine.take_streams();
        out.extend(o);
        err.extend(e);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match state {
            State::Done(status) => return (text(&out), text(&err), status),
            State::Sleeping(until) => world.now = until,
            State::Ready => {}
            State::Blocked => return (text(&out), text(&err) + "(blocked)", -2),
        }
        if out.len() > 2_000_000 {
            break;
        }
    }
    (
        String::from_utf8_lossy(&out[..out.len().min(200)]).into_owned(),
        String::from_utf8_lossy(&err).into_owned(),
        -1,
    )
}

/// Checks rows; says all that differ.
fn check(rows: &[(&str, &str, &str, i32)]) {
    let mut wrong = Vec::new();
    for (script, stdout, stderr, status) in rows {
        let got = run(script, b"");
        if (got.0.as_str(), got.1.as_str(), got.2) != (*stdout, *stderr, *status) {
            wrong.push(format!(
                "{script}\n  wanted {stdout:?} {stderr:?} {status}\n  got    {:?} {:?} {}",
                got.0, got.1, got.2
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {} wrong:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

#[test]
fn language() {
    check(&[
        ("echo hello  world", "hello world\n", "", 0),
        ("x=1; echo $x \"$x\" '$x' \\$x", "1 1 $x $x\n", "", 0),
        ("a='b  c'; echo $a \"$a\"", "b c b  c\n", "", 0),
        ("echo ${x:-y} ${x-z} ${x:=w} $x", "y z w w\n", "", 0),
        ("x=abc; echo ${#x} ${x:1} ${x:0:2} ${x: -1}", "3 bc ab c\n", "", 0),
        ("f=a.tar.gz; echo ${f%.*} ${f%%.*} ${f#*.} ${f##*.}", "a.tar a tar.gz gz\n", "", 0),
        ("x=aXbX; echo ${x/X/-} ${x//X/-} ${x/#a/_} ${x/%X/_} ${x//X}", "a-bX a-b- _XbX aXb_ ab\n", "", 0),
        ("x=abc; echo ${x^} ${x^^} ${x,,}", "Abc ABC abc\n", "", 0),
        ("echo $((1 + 2 * 3)) $((7/2)) $((7%2)) $((2**10)) $((1<2))", "7 3 1 1024 1\n", "", 0),
        ("i=5; echo $((i++)) $((++i)) $i $((i+=3)) $i", "5 7 7 10 10\n", "", 0),
        ("echo $((1/0)); echo not here", "", "bash: 1/0: division by 0 (error token is \"0\")\n", 1),
        ("echo `echo a` $(echo b; echo c)", "a b c\n", "", 0),
        ("x=$(echo a; echo b); echo \"$x\"", "a\nb\n", "", 0),
        ("echo $(echo $(echo deep)) \"$(echo \"a  b\")\"", "deep a  b\n", "", 0),
        ("true && echo yes || echo no; false && echo yes || echo no", "yes\nno\n", "", 0),
        ("! true; echo $?; ! false; echo $?", "1\n0\n", "", 0),
        ("false; echo $?; (exit 3); echo $?", "1\n3\n", "", 0),
        ("for i in a b c; do echo -n $i; done; echo", "abc\n", "", 0),
        ("for ((i=0;i<3;i++)); do echo $i; done", "0\n1\n2\n", "", 0),
        ("i=0; while [ $i -lt 3 ]; do i=$((i+1)); [ $i = 2 ] && continue; echo $i; done", "1\n3\n", "", 0),
        ("until false; do echo once; break; done", "once\n", "", 0),
        (
            "for i in 1 2; do for j in a b; do [ $j = b ] && continue 2; echo $i$j; done; done",
            "1a\n2a\n",
            "",
            0,
        ),
        ("if false; then echo a; elif true; then echo b; else echo c; fi", "b\n", "", 0),
        ("case hello in h*) echo h;; *) echo other;; esac", "h\n", "", 0),
        ("case x in a|x) echo hit;& b) echo through;; esac", "hit\nthrough\n", "", 0),
        ("f() { echo \"f $1 $#\"; return 4; }; f a b; echo $?", "f a 2\n4\n", "", 0),
        ("f() { local v=in; echo $v; }; v=out; f; echo $v", "in\nout\n", "", 0),
        (
            "set -- a 'b c' d; echo $# \"$2\"; shift; echo $1; for x in \"$@\"; do echo \"<$x>\"; done",
            "3 b c\nb c\n<b c>\n<d>\n",
            "",
            0,
        ),
        ("set -- a b; echo \"$*\" \"${@:1:1}\"; IFS=,; echo \"$*\"", "a b a\na,b\n", "", 0),
        ("f() { echo $#; }; f \"$@\"; set --; f \"$@\" x", "0\n1\n", "", 0),
        ("echo {a,b}{1..3} x{,y} {01..03} {c..a} {a}", "a1 a2 a3 b1 b2 b3 x xy 01 02 03 c b a {a}\n", "", 0),
        ("echo ~ ~/x; x=~/y; echo $x", "/home/me /home/me/x\n/home/me/y\n", "", 0),
        ("touch b a c.txt; echo *; echo *.txt ?; echo '*' nope*", "a b c.txt\nc.txt a b\n* nope*\n", "", 0),
        ("cat <<EOF\na $((1+1)) $HOME\n\\$x\nEOF", "a 2 /home/me\n$x\n", "", 0),
        ("cat <<'EOF'\na $x `y`\nEOF", "a $x `y`\n", "", 0),
        ("cat <<-EOF\n\tx\n\tEOF\necho after", "x\nafter\n", "", 0),
        ("cat <<< 'a b'", "a b\n", "", 0),
        ("echo a >f; echo b >>f; cat <f; cat f | wc -l", "a\nb\n2\n", "", 0),
        (
            "ls nope 2>/dev/null; echo $?; ls nope 2>&1 | cat",
            "2\nls: cannot access 'nope': No such file or directory\n",
            "",
            0,
        ),
        ("{ echo out; echo err >&2; } 2>&1 >/dev/null", "err\n", "", 0),
        ("echo x &>f; cat f; { echo a; echo b; } >f; cat f", "x\na\nb\n", "", 0),
        ("echo a >/no/such", "", "bash: /no/such: No such file or directory\n", 1),
        ("cat <nope; echo $?", "1\n", "bash: nope: No such file or directory\n", 0),
        ("nosuch a b", "", "bash: nosuch: command not found\n", 127),
        ("./nope", "", "bash: ./nope: No such file or directory\n", 127),
        (
            "echo 'echo script $1' >s; ./s; chmod +x s; ./s arg",
            "script arg\n",
            "bash: ./s: Permission denied\n",
            0,
        ),
        ("sh -c 'echo $0 $1' zero one; echo 'echo in' | sh", "zero one\nin\n", "", 0),
        ("(cd /tmp; pwd); pwd; x=1; (x=2); echo $x", "/tmp\n/home/me\n1\n", "", 0),
        (
            "cd /nope; cd /tmp && cd - && echo $OLDPWD",
            "/home/me\n/tmp\n",
            "bash: cd: /nope: No such file or directory\n",
            0,
        ),
        ("set -e; false; echo no", "", "", 1),
        ("set -e; false || true; if false; then :; fi; ! true; echo yes", "yes\n", "", 0),
        ("set -u; echo $nope; echo no", "", "bash: nope: unbound variable\n", 127),
        ("set -x; x=1; echo \"a b\" $x", "a b 1\n", "+ x=1\n+ echo 'a b' 1\n", 0),
        ("set -o pipefail; false | true; echo $?", "1\n", "", 0),
        ("trap 'echo bye' EXIT; echo hi; exit 3", "hi\nbye\n", "", 3),
        ("trap 'echo caught' TERM; kill -TERM $$; echo after", "caught\nafter\n", "", 0),
        ("kill $$; echo no", "", "", 143),
        ("sleep 100 & echo started; kill $!; wait $!; echo $?", "started\n143\n", "", 0),
        ("(sleep 2; echo late) & echo first; wait; echo last", "first\nlate\nlast\n", "", 0),
        ("eval 'x=5; echo $x'; echo 'y=7' >f; . ./f; echo $y", "5\n7\n", "", 0),
        ("alias ll='echo LL'; ll a; unalias ll; ll", "LL a\n", "bash: ll: command not found\n", 127),
        ("printf 'a b\\nc d\\n' | while read x y; do echo \"$y-$x\"; done", "b-a\nd-c\n", "", 0),
        (
            "printf 'a\\\\tb\\n' | { read -r l; echo \"$l\"; }; echo abc | { read -n 2 x; echo $x; }",
            "a\\tb\nab\n",
            "",
            0,
        ),
        ("echo 'a:b:c' | { IFS=: read x y; echo \"$x $y\"; }", "a b:c\n", "", 0),
        ("[[ abc == a* && 3 -gt 2 ]] && echo yes; [[ abc == 'a*' ]] || echo no", "yes\nno\n", "", 0),
        (
            "[[ v1.36 =~ ^v([0-9]+)\\.([0-9]+)$ ]] && echo ${BASH_REMATCH[1]}-${BASH_REMATCH[2]}",
            "1-36\n",
            "",
            0,
        ),
        (
            "a=(x y z); echo ${a[1]} ${#a[@]} ${a[@]} ${!a[@]}; a+=(w); echo ${a[-1]}",
            "y 3 x y z 0 1 2\nw\n",
            "",
            0,
        ),
        (
            "declare -A m; m[k]=v; m[j]=w; for k in \"${!m[@]}\"; do echo $k=${m[$k]}; done",
            "j=w\nk=v\n",
            "",
            0,
        ),
        ("export A=1; env | grep ^A=; B=2 env | grep ^B=; echo ${B:-unset}", "A=1\nB=2\nunset\n", "", 0),
        ("readonly r=1; r=2; echo $r", "", "bash: r: readonly variable\n", 1),
        ("unset x; echo ${x:?need x}; echo no", "", "bash: x: need x\n", 1),
        (
            "type cd ls nope; command -v ls echo",
            "cd is a shell builtin\nls is /usr/bin/ls\n/usr/bin/ls\necho\n",
            "bash: type: nope: not found\n",
            0,
        ),
        ("which ls nope", "/usr/bin/ls\n", "", 1),
        ("exec 3>f; echo hi >&3; cat f; exec echo replaced; echo no", "hi\nreplaced\n", "", 0),
        ("yes | head -2; seq 3 | tail -1", "y\ny\n3\n", "", 0),
        ("while true; do echo x; done | head -2; echo $?", "x\nx\n0\n", "", 0),
        ("while true; do echo tick; sleep 1; done | grep -m1 tick", "tick\n", "", 0),
        ("seq 1 100000 | (head -1; cat >/dev/null); echo done", "1\ndone\n", "", 0),
        ("timeout 2 sleep 10; echo $?; timeout 5 echo hi", "124\nhi\n", "", 0),
        ("f() { f; }; f", "", "bash: f: maximum function nesting level exceeded (400)\n", 1),
        ("echo 'unclosed", "", "bash: unexpected EOF while looking for matching `''\n", 2),
        ("echo \"unclosed", "", "bash: unexpected EOF while looking for matching `\"'\n", 2),
        ("if true; then echo", "", "bash: syntax error: unexpected end of file\n", 2),
        ("echo )", "", "bash: syntax error near unexpected token `)'\n", 2),
        ("done", "", "bash: syntax error near unexpected token `done'\n", 2),
        ("echo {1..1000000000}", "", "bash: brace expansion: more than 65536 words\n", 2),
        ("getopts ab: o -a -b v; echo $o; getopts ab: o -a -b v; echo $o $OPTARG", "a\nb v\n", "", 0),
        ("x='a b'; case $x in 'a b') echo same;; esac; [ \"$x\" = 'a b' ] && echo eq", "same\neq\n", "", 0),
        ("echo a; # comment\n# another\necho b", "a\nb\n", "", 0),
        ("echo one \\\n  two", "one two\n", "", 0),
        ("x=; echo \"[$x]\" '' \"\" | cat", "[]  \n", "", 0),
        ("diff <(echo a) <(echo a) && echo same", "same\n", "", 0),
        ("n=3; while ((n-- > 0)); do echo $n; done; ((0)) || echo zero", "2\n1\n0\nzero\n", "", 0),
        (
            "printf '%s-%s\\n' a b c; printf '%5d|%-5s|%05.1f\\n' 42 ab 3.14159",
            "a-b\nc-\n   42|ab   |003.1\n",
            "",
            0,
        ),
        ("echo -e 'a\\tb\\x41'; echo -n x; echo", "a\tbA\nx\n", "", 0),
        ("time true 2>/dev/null; echo $?", "0\n", "\nreal\t0m0.000s\nuser\t0m0.000s\nsys\t0m0.000s\n", 0),
        ("x=5; x+=3; echo $x; echo ${!x:-none}; y=x; echo ${!y}", "53\nnone\n53\n", "", 0),
        (
            "return 2; echo $?",
            "2\n",
            "bash: return: can only `return' from a function or sourced script\n",
            0,
        ),
        ("jobs; sleep 1 & jobs; wait; jobs", "[1]+  Running                 sleep 1 &\n", "", 0),
        ("cat /dev/null; echo $#; echo $0", "0\nbash\n", "", 0),
    ]);
}

#[test]
fn limits_hold() {
    let deep = format!("{}echo{}", "(".repeat(5000), ")".repeat(5000));
    assert_eq!(run(&deep, b"").2, 2);
    let nested = format!("echo {}x{}", "$(echo ".repeat(500), ")".repeat(500));
    assert_eq!(run(&nested, b"").2, 2);
    let quoted = format!("echo {}", "\"$(".repeat(3000));
    assert_eq!(run(&quoted, b"").2, 2);
    let sums = format!("echo $(({}1{}))", "(".repeat(100), ")".repeat(100));
    assert_eq!(run(&sums, b"").2, 1);
    assert_eq!(run("while true; do :; done", b"").2, -1);
    assert_eq!(run("yes", b"").2, -1);
    assert_eq!(run("x=a; while true; do x=$x$x; done", b"").2, 1);
    assert_eq!(run("echo \"$(yes)\"; echo after", b"").1.matches("too large").count(), 1);
    assert_eq!(run("cat; echo $?", b"\xff\xfea\n").0, "\u{fffd}\u{fffd}a\n0\n");
    assert_eq!(run("read x; echo $x", b"\xff\n").0, "\u{fffd}\n");
    assert_eq!(run("read x; echo $?", b"").0, "1\n");
}

#[test]
fn interactive_machine_keeps_its_state() {
    let mut world = Little::new();
    let mut machine = Machine::interactive("bash", &BTreeMap::new(), "/tmp");
    machine.start("x=1; cd /home; false").unwrap();
    assert_eq!(machine.run(&mut world, 10_000), State::Done(1));
    machine.start("echo $x $PWD $?").unwrap();
    assert_eq!(machine.run(&mut world, 10_000), State::Done(0));
    assert_eq!(machine.take_streams().0, b"1 /home 1\n");
    machine.start("sleep 100").unwrap();
    assert!(matches!(machine.run(&mut world, 10_000), State::Sleeping(_)));
    machine.signal(2);
    assert_eq!(machine.run(&mut world, 10_000), State::Done(130));
    machine.start("echo $?; exit 3").unwrap();
    assert_eq!(machine.run(&mut world, 10_000), State::Done(3));
    assert!(machine.wants_exit());
}

#[test]
fn reading_machine_prompts() {
    let mut world = Little::new();
    let mut machine = Machine::reading(&["sh".into()], &BTreeMap::new(), "/", Some("\\w # "));
    assert_eq!(machine.run(&mut world, 1000), State::Blocked);
    machine.push_stdin(b"cd /tmp\npwd\nif true\nthen echo y; fi\nexit 4\n");
    assert_eq!(machine.run(&mut world, 1000), State::Done(4));
    let (out, err) = machine.take_streams();
    assert_eq!((&out[..], &err[..]), (&b"/tmp\ny\n"[..], &b"/ # /tmp # /tmp # > /tmp # "[..]));
}

#[test]
fn first_process_and_signals() {
    let mut world = Little::new();
    let script = "trap 'echo stop; exit 0' TERM; while true; do sleep 1; done";
    let mut machine = Machine::new(script, &["sh".into()], &BTreeMap::new(), "/").unwrap();
    assert!(matches!(machine.run(&mut world, 1000), State::Sleeping(_)));
    assert!(machine.traps(15) && !machine.traps(2));
    machine.signal(15);
    assert!(matches!(machine.run(&mut world, 1000), State::Sleeping(_)));
    world.now += 1_000_000_000;
    assert_eq!(machine.run(&mut world, 1000), State::Done(0));
    assert_eq!(machine.take_streams().0, b"stop\n");
}
