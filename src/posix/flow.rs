//! Control flow: lists, pipelines, conditions, loops, `case`, arithmetic and `[[`.
//!
//! Always holds: each step leaves a frame that says where to go on; nothing recurses over a script.

use super::code::{AfterArm, Code, Node, Operator, TestExpr, Word};
use super::expand::{Expander, Memo, Stop};
use super::interp::{ArithPhase, Context, Flow, Frame, Interp, Job, NOT_BEGUN};
use super::kernel::{Body, Handle, Wait};
use super::pattern::Pattern;
use super::state::Shell;
use super::tools;
use std::sync::Arc;

impl Interp {
    pub(super) fn list(&mut self, code: Code, at: usize, cx: &mut Context) -> Flow {
        let items = match &*code {
            Node::List(items) => items,
            Node::Subshell(body) => return self.subshell(body, cx),
            Node::Function { name, body } => {
                self.shell.functions.insert(Arc::from(name.as_str()), Code::clone(body));
                self.shell.status = 0;
                return Flow::On;
            }
            _ => {
                // A forked shell's only command.
                self.run(&code);
                return Flow::On;
            }
        };
        let Some(item) = items.get(at) else { return Flow::On };
        let (next, background, text) = (Code::clone(&item.code), item.background, item.text.clone());
        if at + 1 < items.len() {
            self.stack.push(Frame::List { code, at: at + 1 });
        }
        if !background {
            self.run(&next);
            return Flow::On;
        }
        let mut fds = cx.fds.clone();
        fds.insert(0, Handle::Null);
        let body = Body::Shell(Box::new(self.fork(&next)));
        let Some(pid) = cx.kernel.spawn(cx.pid, body, fds) else { return self.cannot_fork(cx) };
        if let Some(proc) = cx.kernel.procs.get_mut(&pid) {
            proc.background = true;
        }
        let number = self.jobs.iter().map(|job| job.number).max().unwrap_or(0) + 1;
        if self.interactive {
            cx.write(2, format!("[{number}] {pid}\n"));
        }
        self.jobs.push(Job { number, pid, text });
        self.shell.last_background = Some(pid);
        self.shell.status = 0;
        Flow::On
    }

    pub(super) fn cannot_fork(&mut self, cx: &mut Context) -> Flow {
        self.fail(cx, "fork: retry: Resource temporarily unavailable", 254);
        self.exit(254, cx)
    }

    pub(super) fn subshell(&mut self, body: &Code, cx: &mut Context) -> Flow {
        let forked = Body::Shell(Box::new(self.fork(body)));
        let Some(pid) = cx.kernel.spawn(cx.pid, forked, cx.fds.clone()) else { return self.cannot_fork(cx) };
        self.stack.push(Frame::Child { pid });
        Flow::On
    }

    pub(super) fn and_or(&mut self, code: Code, at: usize) -> Flow {
        let Node::AndOr { first, rest } = &*code else { return Flow::On };
        // `at` is 0 before the first, then one more than the number of those that were looked at.
        let next = if at == 0 {
            Some(first)
        } else {
            let (operator, next) = &rest[at - 1];
            let wanted = (*operator == Operator::And) == (self.shell.status == 0);
            wanted.then_some(next)
        };
        let next = next.map(Code::clone);
        if at < rest.len() {
            self.stack.push(Frame::AndOr { code, at: at + 1 });
        }
        if let Some(next) = next {
            self.run(&next);
        }
        Flow::On
    }

    pub(super) fn pipeline(&mut self, code: Code, so_far: (Vec<u32>, i32, i32), cx: &mut Context) -> Flow {
        let (mut pids, mut status, mut failed) = so_far;
        let Node::Pipeline { bang, timed, stages } = &*code else { return Flow::On };
        if pids.is_empty() {
            if *bang {
                self.stack.push(Frame::Negate);
            }
            if *timed {
                self.stack.push(Frame::Timed { from: cx.world.now() });
            }
            if let [only] = stages.as_slice() {
                self.run(only);
                return Flow::On;
            }
            let mut input = cx.fds.get(&0).cloned().unwrap_or(Handle::Null);
            for (i, stage) in stages.iter().enumerate() {
                let mut fds = cx.fds.clone();
                fds.insert(0, input.clone());
                if i + 1 < stages.len() {
                    let (read, write) = cx.kernel.pipe();
                    fds.insert(1, write);
                    input = read;
                }
                let body = Body::Shell(Box::new(self.fork(stage)));
                let Some(pid) = cx.kernel.spawn(cx.pid, body, fds) else { return self.cannot_fork(cx) };
                pids.push(pid);
            }
        }
        let last = pids.last().copied();
        let mut waiting = Vec::new();
        for pid in pids.iter().filter(|pid| **pid != 0) {
            match cx.kernel.ended.remove(pid) {
                Some(ended) => {
                    if ended != 0 {
                        failed = ended;
                    }
                    if Some(*pid) == last {
                        status = ended;
                    }
                }
                None => waiting.push(*pid),
            }
        }
        if waiting.is_empty() {
            self.shell.status = if self.shell.options.pipefail && failed != 0 { failed } else { status };
            return self.errexit(cx);
        }
        // The last stage's place is kept, so that its status is known as the pipeline's.
        if !waiting.contains(&last.unwrap_or(0)) {
            waiting.push(0);
        }
        self.stack.push(Frame::Pipeline { code, pids: waiting, status, failed });
        Flow::Wait(Wait::Child)
    }

    pub(super) fn if_clause(&mut self, code: Code, arm: usize) -> Flow {
        let Node::If { arms, otherwise } = &*code else { return Flow::On };
        // `arm` is the number of conditions begun: the last of them has just been answered.
        if arm > 0 && self.shell.status == 0 {
            let body = Code::clone(&arms[arm - 1].1);
            self.run(&body);
            return Flow::On;
        }
        if let Some((cond, _)) = arms.get(arm) {
            let cond = Code::clone(cond);
            self.stack.push(Frame::If { code, arm: arm + 1 });
            self.run(&cond);
        } else if let Some(body) = otherwise {
            let body = Code::clone(body);
            self.run(&body);
        } else {
            self.shell.status = 0;
        }
        Flow::On
    }

    pub(super) fn while_clause(&mut self, code: Code, testing: bool, status: i32) -> Flow {
        let Node::While { until, cond, body } = &*code else { return Flow::On };
        if testing {
            if (self.shell.status == 0) == *until {
                self.shell.status = status;
                return Flow::On;
            }
            let body = Code::clone(body);
            self.stack.push(Frame::While { code, testing: false, status: 0 });
            self.run(&body);
        } else {
            let status = if status == NOT_BEGUN { 0 } else { self.shell.status };
            let cond = Code::clone(cond);
            self.stack.push(Frame::While { code, testing: true, status });
            self.run(&cond);
        }
        Flow::On
    }

    pub(super) fn for_clause(
        &mut self,
        code: Code,
        mut memo: Memo,
        items: Option<Arc<[String]>>,
        at: usize,
        cx: &mut Context,
    ) -> Flow {
        let Node::For { name, words, body } = &*code else { return Flow::On };
        let items = match (items, words) {
            (Some(items), _) => items,
            (None, None) => Arc::clone(&self.shell.args),
            (None, Some(words)) => {
                let expanded = Expander::new(&mut self.shell, cx.world, &mut memo).words(words);
                match expanded {
                    Ok(items) => {
                        self.shell.status = 0;
                        items.into()
                    }
                    Err(stop) => {
                        let frame = Frame::For { code: Code::clone(&code), memo, items: None, at: 0 };
                        return self.stopped(stop, frame, cx);
                    }
                }
            }
        };
        let Some(item) = items.get(at).cloned() else { return Flow::On };
        if let Err(why) = self.shell.set(name, &item) {
            self.fail(cx, &why, 1);
            return Flow::On;
        }
        let body = Code::clone(body);
        self.stack.push(Frame::For { code, memo: Memo::default(), items: Some(items), at: at + 1 });
        self.run(&body);
        Flow::On
    }

    pub(super) fn for_arith(
        &mut self,
        code: Code,
        mut memo: Memo,
        phase: ArithPhase,
        cx: &mut Context,
    ) -> Flow {
        let Node::ForArith { init, cond, update, body } = &*code else { return Flow::On };
        let word = match phase {
            ArithPhase::Init => init,
            ArithPhase::Cond => cond,
            ArithPhase::Update => update,
        };
        let value = if phase == ArithPhase::Cond && is_blank(cond) {
            Ok(1)
        } else {
            Expander::new(&mut self.shell, cx.world, &mut memo).arith(word)
        };
        let value = match value {
            Ok(value) => value,
            Err(stop) => {
                let frame = Frame::ForArith { code: Code::clone(&code), memo, phase };
                return self.stopped(stop, frame, cx);
            }
        };
        let memo = Memo::default();
        if phase != ArithPhase::Cond {
            self.stack.push(Frame::ForArith { code, memo, phase: ArithPhase::Cond });
        } else if value != 0 {
            let body = Code::clone(body);
            self.stack.push(Frame::ForArith { code, memo, phase: ArithPhase::Update });
            self.run(&body);
        }
        Flow::On
    }

    pub(super) fn case(&mut self, mut frame: CaseFrame, cx: &mut Context) -> Flow {
        let code = Code::clone(&frame.code);
        let Node::Case { subject, arms } = &*code else { return Flow::On };
        let Some(text) = frame.subject.clone() else {
            let expanded = Expander::new(&mut self.shell, cx.world, &mut frame.memo).text(subject);
            return match expanded {
                Ok(text) => {
                    self.shell.status = 0;
                    frame.subject = Some(text);
                    frame.memo = Memo::default();
                    self.stack.push(frame.into());
                    Flow::On
                }
                Err(stop) => self.stopped(stop, frame.into(), cx),
            };
        };
        let Some(arm) = arms.get(frame.arm) else { return Flow::On };
        let mut hit = frame.through;
        for pattern in &arm.patterns {
            if hit {
                break;
            }
            match Expander::new(&mut self.shell, cx.world, &mut frame.memo).pattern(pattern) {
                Ok(source) => hit = Pattern::new(&source).matches(&text),
                Err(stop) => return self.stopped(stop, frame.into(), cx),
            }
        }
        frame.memo = Memo::default();
        frame.arm += 1;
        frame.through = false;
        if !hit {
            self.stack.push(frame.into());
            return Flow::On;
        }
        match arm.next {
            AfterArm::Leave => {}
            AfterArm::TestNext => self.stack.push(frame.into()),
            AfterArm::FallThrough => {
                frame.through = true;
                self.stack.push(frame.into());
            }
        }
        if let Some(body) = &arm.body {
            self.run(body);
        }
        Flow::On
    }

    pub(super) fn arith(&mut self, code: Code, mut memo: Memo, cx: &mut Context) -> Flow {
        let Node::Arith(word) = &*code else { return Flow::On };
        match Expander::new(&mut self.shell, cx.world, &mut memo).arith(word) {
            Ok(value) => {
                self.shell.status = i32::from(value == 0);
                self.errexit(cx)
            }
            Err(Stop::Fail(why)) => {
                self.fail(cx, &format!("((: {why}"), 1);
                self.errexit(cx)
            }
            Err(stop) => self.stopped(stop, Frame::Arith { code: Code::clone(&code), memo }, cx),
        }
    }

    pub(super) fn test(&mut self, code: Code, mut memo: Memo, cx: &mut Context) -> Flow {
        let Node::Test(expr) = &*code else { return Flow::On };
        let mut expander = Expander::new(&mut self.shell, cx.world, &mut memo);
        match test_expr(expr, &mut expander) {
            Ok(truth) => {
                self.shell.status = i32::from(!truth);
                self.errexit(cx)
            }
            Err(Stop::Fail(why)) => {
                self.fail(cx, &why, 2);
                self.errexit(cx)
            }
            Err(stop) => self.stopped(stop, Frame::Test { code: Code::clone(&code), memo }, cx),
        }
    }
}

pub(super) struct CaseFrame {
    pub code: Code,
    pub memo: Memo,
    pub subject: Option<String>,
    pub arm: usize,
    pub through: bool,
}

impl From<CaseFrame> for Frame {
    fn from(f: CaseFrame) -> Self {
        Frame::Case { code: f.code, memo: f.memo, subject: f.subject, arm: f.arm, through: f.through }
    }
}

fn is_blank(word: &Word) -> bool {
    word.text.trim().is_empty()
}

fn test_expr(expr: &TestExpr, expander: &mut Expander) -> Result<bool, Stop> {
    Ok(match expr {
        TestExpr::And(a, b) => test_expr(a, expander)? && test_expr(b, expander)?,
        TestExpr::Or(a, b) => test_expr(a, expander)? || test_expr(b, expander)?,
        TestExpr::Not(a) => !test_expr(a, expander)?,
        TestExpr::Unary(op, word) => {
            let text = expander.text(word)?;
            if op == "-v" {
                return Ok(super::expand::is_set(expander.shell, &text));
            }
            let cwd = Arc::clone(&expander.shell.cwd);
            tools::test::unary(op, &text, &cwd, expander.world).unwrap_or(false)
        }
        TestExpr::Binary(op, a, b) => {
            let left = expander.text(a)?;
            match op.as_str() {
                "==" | "=" => Pattern::new(&expander.pattern(b)?).matches(&left),
                "!=" => !Pattern::new(&expander.pattern(b)?).matches(&left),
                "= literal" => left == expander.text(b)?,
                "!= literal" => left != expander.text(b)?,
                "=~ literal" => left.contains(&expander.text(b)?),
                "=~" => {
                    let source = expander.regex(b)?;
                    let regex = regex::RegexBuilder::new(&source).size_limit(1 << 20).build();
                    let regex =
                        regex.map_err(|_| Stop::Fail(format!("{source}: invalid regular expression")))?;
                    let groups: Option<Vec<String>> = regex
                        .captures(&left)
                        .map(|c| c.iter().map(|g| g.map_or("", |m| m.as_str()).to_owned()).collect());
                    let found = groups.is_some();
                    expander.shell.vars.remove("BASH_REMATCH");
                    for (i, group) in groups.into_iter().flatten().enumerate() {
                        let _ = expander.shell.set_at("BASH_REMATCH", &i.to_string(), &group);
                    }
                    found
                }
                op if op.starts_with('-') && !matches!(op, "-nt" | "-ot" | "-ef") => {
                    let number = |text: &str, shell: &mut Shell| {
                        super::arith::evaluate(text, shell).map_err(Stop::Fail)
                    };
                    let right = expander.text(b)?;
                    let (x, y) = (number(&left, expander.shell)?, number(&right, expander.shell)?);
                    tools::test::compare(op, x, y)
                }
                op => {
                    let right = expander.text(b)?;
                    let cwd = Arc::clone(&expander.shell.cwd);
                    tools::test::binary(op, &left, &right, &cwd, expander.world).unwrap_or(false)
                }
            }
        }
    })
}
