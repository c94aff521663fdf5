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

/// What bash and the GNU tools answer, recorded.
#[test]
fn as_bash_and_gnu() {
    check(&[
        (
            "mkdir -p d/s e; echo x > d/a; echo y > d/s/b; tar cf d.tar d; tar tf d.tar; tar -xvf d.tar -C e d/s; cat e/d/s/b",
            "d/\nd/a\nd/s/\nd/s/b\nd/s/\nd/s/b\ny\n",
            "",
            0,
        ),
        (
            "echo x > a; tar cf - $PWD/a | tar tvf - | cut -c1-30; tar cf - nope | tar xmf - -C /nowhere",
            "-rw-r--r-- root/root         2\n",
            "tar: Removing leading `/' from member names\ntar: nope: Cannot stat: No such file or directory\n\
             tar: Exiting with failure status due to previous errors\n\
             tar: /nowhere: Cannot open: No such file or directory\ntar: Error is not recoverable: exiting now\n",
            2,
        ),
        (
            "echo no | tar xf -",
            "",
            "tar: This does not look like a tar archive\ntar: Exiting with failure status due to previous errors\n",
            2,
        ),
        ("printf 'b\\na\\nc\\n' | sort", "a\nb\nc\n", "", 0),
        (
            "printf '10\\n9\\n2\\n' | sort -n; printf '10\\n9\\n2\\n' | sort; printf '1\\n2\\n' | sort -r",
            "2\n9\n10\n10\n2\n9\n2\n1\n",
            "",
            0,
        ),
        (
            "printf 'b 2\\na 10\\nc 1\\n' | sort -k2 -n; printf 'b 2\\na 10\\n' | sort -k2,2nr",
            "c 1\nb 2\na 10\na 10\nb 2\n",
            "",
            0,
        ),
        ("printf 'a:3\\nb:1\\n' | sort -t: -k2; printf 'a\\na\\nb\\n' | sort -u", "b:1\na:3\na\nb\n", "", 0),
        (
            "printf '1K\\n2M\\n300\\n' | sort -h; printf 'v1.10\\nv1.9\\n' | sort -V",
            "300\n1K\n2M\nv1.9\nv1.10\n",
            "",
            0,
        ),
        (
            "printf 'a\\na\\nb\\n' | uniq -c; printf 'a\\na\\nb\\n' | uniq -d; printf 'a\\na\\nb\\n' | uniq -u",
            "      2 a\n      1 b\na\nb\n",
            "",
            0,
        ),
        (
            "printf 'one two\\nthree\\n' | wc; printf 'a\\nb\\n' | wc -l; echo -n abc | wc -c; printf 'a b\\n' | wc -w",
            "      2       3      14\n2\n3\n2\n",
            "",
            0,
        ),
        (
            "printf 'x\\n' > f; printf 'y z\\n' > g; wc f g; wc -l f",
            "1 1 2 f\n1 2 4 g\n2 3 6 total\n1 f\n",
            "",
            0,
        ),
        (
            "seq 5 | head -2; seq 5 | tail -2; seq 5 | head -n -2; seq 5 | tail -n +4; echo abcdef | head -c 3; echo; seq 3 | tail -1",
            "1\n2\n4\n5\n1\n2\n3\n4\n5\nabc\n3\n",
            "",
            0,
        ),
        ("seq 2 > a; seq 3 > b; head -1 a b; tail -qn1 a b", "==> a <==\n1\n\n==> b <==\n1\n2\n3\n", "", 0),
        (
            "echo a:b:c | cut -d: -f2; echo a:b:c | cut -d: -f1,3; echo abcdef | cut -c2-4; echo a b | cut -d, -f1; echo a,b | cut -d, -f2-",
            "b\na:c\nbcd\na b\nb\n",
            "",
            0,
        ),
        (
            "echo hello | tr a-z A-Z; echo hello | tr -d l; echo aabbc | tr -s ab; echo 'a b' | tr ' ' '\\n'; echo abc1 | tr -cd '0-9\\n'; echo abc | tr '[:lower:]' '[:upper:]'",
            "HELLO\nheo\nabc\na\nb\n1\nABC\n",
            "",
            0,
        ),
        (
            "printf 'foo\\nbar\\nFoo\\n' | grep foo; printf 'foo\\nbar\\n' | grep -v foo; printf 'foo\\nFoo\\n' | grep -ci foo; printf 'a\\nb\\n' | grep -n b",
            "foo\nbar\n2\n2:b\n",
            "",
            0,
        ),
        (
            "printf 'x1\\ny22\\n' | grep -oE '[0-9]+'; echo none | grep x; echo $?; echo abc | grep -q b; echo $?",
            "1\n22\n1\n0\n",
            "",
            0,
        ),
        (
            "printf 'a.b\\naxb\\n' | grep -F a.b; printf 'a.b\\naxb\\n' | grep 'a\\.b'; printf 'ab\\nabc\\n' | grep -w ab; printf 'ab\\nabc\\n' | grep -x abc",
            "a.b\na.b\nab\nabc\n",
            "",
            0,
        ),
        (
            "seq 9 | grep -A1 -B1 5; seq 9 | grep -C1 -E '2|8'; seq 9 | grep -m2 '[0-9]'",
            "4\n5\n6\n1\n2\n3\n--\n7\n8\n9\n1\n2\n",
            "",
            0,
        ),
        (
            "printf 'hit\\n' > f; printf 'no\\n' > g; grep -l hit f g; grep hit f g; grep -h hit f g; grep -c hit f g; grep hit nope; echo $?; mkdir d; cp f d; grep -r hit d",
            "f\nf:hit\nhit\nf:1\ng:0\n2\nd/f:hit\n",
            "grep: nope: No such file or directory\n",
            0,
        ),
        (
            "printf 'foo(1)\\n' | grep 'foo(1)'; printf 'aab\\n' | grep 'a\\{2\\}'; echo 'a+b' | grep 'a+b'; echo aab | grep -E 'a+b'; printf 'a\\nb\\n' | grep -e a -e b; grep '[' f; echo $?",
            "foo(1)\naab\na+b\naab\na\nb\n2\n",
            "grep: Invalid regular expression\n",
            0,
        ),
        (
            "echo hello | sed s/l/L/; echo hello | sed s/l/L/g; echo hello | sed 's/\\(h\\)\\(e\\)/\\2\\1/'; echo hello | sed -E 's/(l+)/<\\1>/'; echo a/b | sed 's|/|-|'; echo Hi | sed s/hi/x/I",
            "heLlo\nheLLo\nehllo\nhe<ll>o\na-b\nx\n",
            "",
            0,
        ),
        (
            "seq 5 | sed 2d; seq 5 | sed -n 2,3p; seq 5 | sed '$d'; seq 5 | sed -n '$p'; seq 5 | sed '/3/q'; seq 5 | sed '2,4!d'; seq 3 | sed 1i\\\\first; seq 3 | sed '2a after'; seq 2 | sed '1c changed'",
            "1\n3\n4\n5\n2\n3\n1\n2\n3\n4\n5\n1\n2\n3\n2\n3\n4\nfirst\n1\n2\n3\n1\n2\nafter\n3\nchanged\n2\n",
            "",
            0,
        ),
        (
            "printf 'a\\nb\\n' > f; sed -i s/a/x/ f; cat f; sed -i.bak s/b/y/ f; cat f f.bak",
            "x\nb\nx\ny\nx\nb\n",
            "",
            0,
        ),
        (
            "echo a,b | sed 's/,/\\n/'; echo abc | sed 's/b/[&]/'; echo abc | sed y/abc/xyz/; seq 4 | sed -n '2{p;q}'; seq 3 | sed -e s/1/a/ -e s/2/b/; seq 3 | sed -n '/2/,$p'; seq 3 | sed '/2/s/2/two/'; seq 3 | sed -n '2='",
            "a\nb\na[b]c\nxyz\n2\na\nb\n3\n2\n3\n1\ntwo\n3\n2\n",
            "",
            0,
        ),
        (
            "seq 4 | sed 'N;s/\\n/-/'; seq 3 | sed -n 'H;${x;s/\\n/,/g;p}'; echo aaa | sed s/a/b/2; echo x | sed 's/x/a\\tb/'; echo k: v | sed 's/^[^:]*: *//'; seq 3 | sed '1!G;h;$!d'",
            "1-2\n3-4\n,1,2,3\naba\na\tb\nv\n3\n2\n1\n",
            "",
            0,
        ),
        (
            "echo x | sed 's/x'; echo x | sed k; echo $?",
            "1\n",
            "sed: -e expression #1, char 3: unterminated `s' command\nsed: -e expression #1, char 1: unknown command: `k'\n",
            0,
        ),
        (
            "echo 'a b c' | awk '{print $2}'; echo a:b | awk -F: '{print $2, $1}'; printf '1\\n2\\n3\\n' | awk '{s+=$1} END {print s, NR}'; echo a b | awk '{print NF, $NF, $0}'",
            "b\nb a\n6 3\n2 b a b\n",
            "",
            0,
        ),
        (
            "printf 'x 1\\ny 5\\n' | awk '$2 > 3 {print $1}'; printf 'foo\\nbar\\n' | awk '/oo/'; printf 'a\\nb\\nc\\n' | awk 'NR==2'; printf 'a\\nb\\nc\\n' | awk 'NR>1{print NR\": \"$0}'",
            "y\nfoo\nb\n2: b\n3: c\n",
            "",
            0,
        ),
        (
            "awk 'BEGIN {printf \"%s-%d-%.2f\\n\", \"x\", 42.9, 3.14159; print 1/4, 1e6, 0.1+0.2, 100000000}'; awk 'BEGIN{print length(\"abc\"), substr(\"hello\",2,3), index(\"abc\",\"c\"), toupper(\"x\")}'",
            "x-42-3.14\n0.25 1000000 0.3 100000000\n3 ell 3 X\n",
            "",
            0,
        ),
        (
            "printf 'a 1\\nb 2\\na 3\\n' | awk '{n[$1]+=$2} END {print n[\"a\"], n[\"b\"], (\"z\" in n), length(n)}'; awk 'BEGIN{split(\"a:b:c\",p,\":\"); print p[1] p[3]; n=split(\"1 2 3\",q); print n}'",
            "4 2 0 2\nac\n3\n",
            "",
            0,
        ),
        (
            "awk -v x=5 'BEGIN{print x*2; if (x>3) print \"big\"; else print \"small\"; for(i=0;i<3;i++) printf \"%d \", i; print \"\"; while(i-->0) print i}'",
            "10\nbig\n0 1 2 \n2\n1\n0\n",
            "",
            0,
        ),
        (
            "echo hello | awk '{gsub(/l/,\"L\"); print; sub(\"h\",\"J\"); print $0; print match($0,/LL/), RSTART, RLENGTH}'; awk 'function f(x){return x*2} BEGIN{print f(21)}'; echo 'a,b' | awk 'BEGIN{FS=\",\";OFS=\"-\"}{$1=$1;print}'",
            "heLLo\nJeLLo\n3 3 2\n42\na-b\n",
            "",
            0,
        ),
        (
            "printf 'NAME AGE\\nweb 5m\\n' | awk 'NR>1 && $2 ~ /m$/ {print $1}'; printf '1\\n1\\n2\\n' | awk '!seen[$0]++'; echo 'x y' | awk '{print $1 \"\\t\" $2}'; echo \"3 4\" | awk '{print $1*$2, $1^2, $1%2, -$1, !$1}'; awk 'BEGIN{x[\"a\"]=1; delete x[\"a\"]; for(k in x) print k; print \"end\"; exit 3}'; echo $?",
            "web\n1\n2\nx\ty\n12 9 1 -3 0\nend\n3\n",
            "",
            0,
        ),
        (
            "echo \"a b\" | awk '{ $3=\"c\"; print; print NF }'; echo 5 | awk '{print ($1 > 3 ? \"yes\" : \"no\")}'; echo x | awk '{print > \"out\"}'; cat out; awk 'BEGIN{print substr(\"hello\",0,2), tolower(\"ABC\"), int(3.9)}'; echo 10 9 | awk '{print ($1>$2)}'",
            "a b c\n3\nyes\nx\nh abc 3\n1\n",
            "",
            0,
        ),
        (
            "echo hello | base64; echo aGVsbG8K | base64 -d; echo -n x | base64; echo 'a!' | base64 -d 2>/dev/null; echo $?; printf '%060d' 0 | base64 -w0 | wc -c",
            "aGVsbG8K\nhello\neA==\n1\n80\n",
            "",
            0,
        ),
        (
            "seq 3 | tac; echo abc | rev; printf 'a\\nb\\n' | nl; printf 'a b\\nccc d\\n' | column -t; echo abcdef | fold -w 4; seq 4 | paste -sd,; seq 4 | paste - -; printf '1\\n2\\n' > a; printf 'x\\ny\\n' > b; paste a b; paste -d: a b",
            "3\n2\n1\ncba\n     1\ta\n     2\tb\na    b\nccc  d\nabcd\nef\n1,2,3,4\n1\t2\n3\t4\n1\tx\n2\ty\n1:x\n2:y\n",
            "",
            0,
        ),
        (
            "printf 'a\\nb\\nc\\n' | xargs; seq 4 | xargs -n2 echo; printf 'a b\\nc\\n' | xargs -I{} echo '<{}>'; echo | xargs echo hi; printf \"'a b' c\" | xargs -n1; printf '' | xargs -r echo no",
            "a b c\n1 2\n3 4\n<a b>\n<c>\nhi\na b\nc\n",
            "",
            0,
        ),
        (
            "basename /a/b.txt .txt; basename /a/b/; dirname /a/b; dirname a; dirname /a; expr 1 + 2; expr 3 '*' 4; expr abc : 'a\\(.*\\)'; expr 1 = 2; echo $?; seq 1 2 6; seq -s, 3; seq 3 -1 1; seq -w 8 10",
            "b\nb\n/a\n.\n/\n3\n12\nbc\n0\n1\n1\n3\n5\n1,2,3\n3\n2\n1\n08\n09\n10\n",
            "",
            0,
        ),
        (
            "printf 'a\\nb\\nc\\n' > x; printf 'a\\nB\\nc\\nd\\n' > y; diff x y; echo $?; diff x x; echo $?; diff x nope; echo $?; diff -q x y",
            "2c2\n< b\n---\n> B\n3a4\n> d\n1\n0\n2\nFiles x and y differ\n",
            "diff: nope: No such file or directory\n",
            1,
        ),
        (
            "mkdir -p a/b; touch a/f a/b/g; ls a; ls -R a; ls -d a; ls nope; echo $?; rm a; rm -r a; ls a; rmdir nope; mkdir x; mkdir x; echo $?; rm nope; rm -f nope; echo $?",
            "b\nf\na:\nb\nf\n\na/b:\ng\na\n2\n1\n0\n",
            "ls: cannot access 'nope': No such file or directory\nrm: cannot remove 'a': Is a directory\nls: cannot access 'a': No such file or directory\nrmdir: failed to remove 'nope': No such file or directory\nmkdir: cannot create directory ‘x’: File exists\nrm: cannot remove 'nope': No such file or directory\n",
            0,
        ),
        (
            "echo 1 > f; cp f g; mv g h; cat h; cp nope x; mv nope x; mkdir d; cp f h d; ls d; cp d e; cp -r d e; ls e; mv f d/; ls; cat d; cat nope; echo $?; touch no/such; echo $?",
            "1\nf\nh\nf\nh\nd\ne\nh\n1\n1\n",
            "cp: cannot stat 'nope': No such file or directory\nmv: cannot stat 'nope': No such file or directory\ncp: -r not specified; omitting directory 'd'\ncat: d: Is a directory\ncat: nope: No such file or directory\ntouch: cannot touch 'no/such': No such file or directory\n",
            0,
        ),
        (
            "find . -name '*.x'; mkdir -p d/e; touch d/a.x d/e/b.y; find d -name '*.x'; find d -type d | sort; find nope; echo $?; test -d d && echo dir; test -f d || echo nofile; [ -s d/a.x ] || echo empty; [ 1 -eq x ]; echo $?; [ a = b -o c = c ] && echo or; [ ! -e zz ] && echo none; [ a; echo $?",
            "d/a.x\nd\nd/e\n1\ndir\nnofile\nempty\n2\nor\nnone\n2\n",
            "find: ‘nope’: No such file or directory\nbash: [: x: integer expression expected\nbash: [: missing `]'\n",
            0,
        ),
        (
            "date -u -d @0 +%F_%T; date -u -d 2024-02-29T12:00:00Z +%s; date -u -d '2024-02-29 12:00:00 UTC' '+%a %b %e'; date -d nonsense; echo $?",
            "1970-01-01_00:00:00\n1709208000\nThu Feb 29\n1\n",
            "date: invalid date ‘nonsense’\n",
            0,
        ),
        (
            "echo abc | md5sum; echo abc | sha256sum; printf '%b' 'a\\nb'; printf '%s\\n' \"a b\" c; printf '%03d|%x|%o|%c|%e\\n' 7 255 8 xyz 12345.678; printf '%d\\n' abc; echo $?; printf '%5s|%-5s|%.2s\\n' ab cd efgh; printf 'no newline'",
            "0bee89b07a248e27c83fc3d5951213c1  -\nedeaaff3f1774ad2888673770c6d64097e391bc362d7d6fb34982ddf0efd18cb  -\na\nba b\nc\n007|ff|10|x|1.234568e+04\n0\n1\n   ab|cd   |ef\nno newline",
            "bash: printf: abc: invalid number\n",
            0,
        ),
        (
            "tr a; echo $?; head -n x; echo $?; sleep x; echo $?; cat -z; echo $?",
            "1\n1\n1\n1\n",
            "tr: missing operand after ‘a’\nTwo strings must be given when translating.\nTry 'tr --help' for more information.\nhead: invalid number of lines: ‘x’\nsleep: invalid time interval ‘x’\nTry 'sleep --help' for more information.\ncat: invalid option -- 'z'\nTry 'cat --help' for more information.\n",
            0,
        ),
        (
            "echo a | tee f | cat - f; echo b | tee -a f >/dev/null; cat f; cat -n f; echo x | cat -A; env -i A=1 env; env X=2 sh -c 'echo $X'; timeout 1 true; echo $?; which nosuchcmd; echo $?",
            "a\na\na\nb\n     1\ta\n     2\tb\nx$\nA=1\n2\n0\n1\n",
            "",
            0,
        ),
        (
            "x='a b'; for w in $x \"$x\"; do echo \"[$w]\"; done; set -- \"a b\" c; for i; do echo $i; done; echo \"${@}\" \"$#\" \"${1%b}\"; y=${x// /_}; echo $y ${#y} ${y:0:1}",
            "[a]\n[b]\n[a b]\na b\nc\na b c 2 a \na_b 3 a\n",
            "",
            0,
        ),
        (
            "f() { echo in; return 3; }; f && echo ok || echo \"failed $?\"; g() { local x=1; h; }; h() { echo ${x:-unset}; }; g; h; type f | head -1; unset -f f; f",
            "in\nfailed 3\n1\nunset\nf is a function\n",
            "bash: f: command not found\n",
            127,
        ),
        (
            "a=5; ((a+=2)); echo $a; ((a>6)) && echo big; let a=a*2; echo $a; echo $((a>10?1:0)) $((0x1f)) $((010)) $((2#101)) $((~0)) $((5&3|8)) $((1<<4)); echo $((a++ + ++a)) $a",
            "7\nbig\n14\n1 31 8 5 -1 9 16\n30 16\n",
            "",
            0,
        ),
        (
            "case abc in a?c) echo q;; esac; case x in [a-c]) echo 1;; [!a-c]) echo 2;; esac; case \"\" in \"\") echo empty;; esac; case a in b) ;; *) echo def;; esac; [[ a < b ]] && echo lt; [[ -z \"\" && -n x ]] && echo zn; [[ abc =~ b ]] && echo re; [[ ! a == b ]] && echo ne",
            "q\n2\nempty\ndef\nlt\nzn\nre\nne\n",
            "",
            0,
        ),
        (
            "echo \"$(printf 'a\\n\\n')\" x; echo $(echo '*'); echo \"a\\\"b\\$c\\\\d\\e\"; echo 'it'\"'\"'s'; echo $'tab\\there'; echo a'b'\"c\"d; echo \\a \\\\ \\\"; echo -- x; echo -e 'a\\nb'; echo -n; echo a#b # c",
            "a x\n*\na\"b$c\\d\\e\nit's\ntab\there\nabcd\na \\ \"\n-- x\na\nb\na#b\n",
            "",
            0,
        ),
        (
            "printf 'a\\nb\\n' | { read x; read y; echo $y$x; }; echo abc | while read l; do echo got $l; done; echo 1 2 3 | { read a b; echo \"$b\"; }; read x < /dev/null; echo $?; IFS=, read -r a b <<< \"1,2,3\"; echo \"$b\"; read -ra arr <<< \"x y z\"; echo ${arr[1]} ${#arr[@]}",
            "ba\ngot abc\n2 3\n1\n2,3\ny 3\n",
            "",
            0,
        ),
        (
            "{ echo a; echo b >&2; } 2>/dev/null; (echo sub; exit 3); echo $?; ! false; echo $?; true | false; echo $?; false | true; echo $?; set -o pipefail; false | true; echo $?; exec 3>&1; echo three >&3; echo x 2>&1 >/dev/null; cat < nofile; echo $?",
            "a\nsub\n3\n0\n1\n0\n1\nthree\n1\n",
            "bash: nofile: No such file or directory\n",
            0,
        ),
        ("trap 'echo exit' EXIT; (trap 'echo sub' EXIT; :); echo a; exit 5", "sub\na\nexit\n", "", 5),
        (
            "while :; do break; done; for i in 1 2 3; do [ $i = 2 ] && continue; echo $i; done; until [ ${n:=0} -ge 2 ]; do n=$((n+1)); done; echo $n; for ((i=3;i>0;i--)); do printf $i; done; echo",
            "1\n3\n2\n321\n",
            "",
            0,
        ),
        (
            "echo {1..3}{a,b} {z..x} pre{A,B}post {1..10..3} {a,b{1,2}} \"{a,b}\" {x} ${HOME:+set}; echo a{,b}; echo {05..07}",
            "1a 1b 2a 2b 3a 3b z y x preApost preBpost 1 4 7 10 a b1 b2 {a,b} {x} set\na ab\n05 06 07\n",
            "",
            0,
        ),
        (
            "declare -i n=3+4; echo $n; unset nope; echo ${nope-default} ${nope+alt} \"${nope:-a b}\"; v=hello; echo ${v^^} ${v/l/L} ${v//l/L} ${v%o} ${v#he} ${v:1:3} ${v: -2} ${v:(-3):2}; arr=(1 2 3); echo ${arr[@]:1} ${#arr[@]} ${arr[*]} \"${arr[@]/2/x}\"; arr[5]=z; echo ${!arr[@]}; unset arr[0]; echo ${arr[@]}",
            "7\ndefault a b\nHELLO heLlo heLLo hell llo ell lo ll\n2 3 3 1 2 3 1 x 3\n0 1 2 5\n2 3 z\n",
            "",
            0,
        ),
        (
            "echo ${x:-$(echo sub)} ${x:-\"q  q\"} ${x:-a  b}; echo \"${x:-\"in q\"}\"; x=; echo \"${x:-e}\" \"${x-e}\"; echo $((1+$(echo 2))) `echo \\`echo nested\\``; echo \"$(cat <<< 'here  string')\"; eval \"echo \\$((3*3))\"; eval 'y=1; echo $y'",
            "sub q  q a b\nin q\ne \n3 nested\nhere  string\n9\n1\n",
            "",
            0,
        ),
        (
            "echo '{\"a\":1,\"b\":[1,2,{\"c\":\"x\"}]}' | jq .; echo '{\"a\":1}' | jq -c .; echo '{\"a\":\"x\"}' | jq -r .a; echo '[3,1,2]' | jq -c 'sort'; echo '{\"items\":[{\"n\":\"a\"},{\"n\":\"b\"}]}' | jq -r '.items[].n'; jq -n '1+1'; echo '{\"a\":null}' | jq -e .a; echo $?",
            "{\n  \"a\": 1,\n  \"b\": [\n    1,\n    2,\n    {\n      \"c\": \"x\"\n    }\n  ]\n}\n{\"a\":1}\nx\n[1,2,3]\na\nb\n2\nnull\n1\n",
            "",
            0,
        ),
        (
            "echo '[{\"n\":\"a\",\"v\":1},{\"n\":\"b\",\"v\":2}]' | jq -c 'map(select(.v>1))'; echo '{\"b\":1,\"a\":2}' | jq -cS .; echo '{\"b\":1,\"a\":2}' | jq -c keys; echo '\"x\"' | jq length; printf '1 2' | jq -cs .; jq -n --arg x y '$x'; jq -nr --argjson n 3 '$n*2'; echo '{\"a\":{\"b\":2}}' | jq '.a.b'; echo '[1,2]' | jq '.[0]'; echo '{\"a\":\"b c\"}' | jq -r '\"\\(.a)!\"'; echo '[1,2,3]' | jq 'add'; echo '[\"a\",\"b\"]' | jq -r 'join(\",\")'; echo '{\"a\":[]}' | jq .",
            "[{\"n\":\"b\",\"v\":2}]\n{\"a\":2,\"b\":1}\n[\"a\",\"b\"]\n1\n[1,2]\n\"y\"\n6\n2\n1\nb c!\n6\na,b\n{\n  \"a\": []\n}\n",
            "",
            0,
        ),
        (
            "echo '{\"a\":1.0,\"b\":1.5,\"c\":100000000000}' | jq -c .; echo '{\"k\":{\"x\":1}}' | jq -c 'to_entries'; echo '\"a,b\"' | jq -c 'split(\",\")'; echo 'null' | jq '.a'; echo '[{\"a\":1},{\"a\":1}]' | jq -c 'group_by(.a)|length'; echo '{\"a\":\"1\"}' | jq '.a|tonumber'; echo '[\"b\",\"a\"]' | jq -c 'sort|unique'; echo '[[1,2],[3]]' | jq -c flatten; echo '{\"a\":1}' | jq 'has(\"a\")'; echo '{\"a\":1}' | jq -r '.a|tostring|test(\"1\")'",
            "{\"a\":1.0,\"b\":1.5,\"c\":100000000000}\n[{\"key\":\"k\",\"value\":{\"x\":1}}]\n[\"a\",\"b\"]\nnull\n1\n1\n[\"a\",\"b\"]\n[1,2,3]\ntrue\ntrue\n",
            "",
            0,
        ),
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
