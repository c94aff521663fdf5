//! The shell language as the machine runs it: a small syntax tree, shared by `Arc`.
//!
//! Always holds: whatever must be parsed (words, substitutions) has been parsed; brace expansion has been done.

use std::sync::Arc;

/// A command of any kind.
pub(super) type Code = Arc<Node>;

#[derive(Debug)]
pub(super) enum Node {
    List(Vec<Item>),
    AndOr { first: Code, rest: Vec<(Operator, Code)> },
    Pipeline { bang: bool, timed: bool, stages: Vec<Code> },
    Simple(Simple),
    Redirected(Code, Arc<[Redirect]>),
    Subshell(Code),
    For { name: String, words: Option<Vec<Word>>, body: Code },
    ForArith { init: Word, cond: Word, update: Word, body: Code },
    Case { subject: Word, arms: Vec<Arm> },
    If { arms: Vec<(Code, Code)>, otherwise: Option<Code> },
    While { until: bool, cond: Code, body: Code },
    Arith(Word),
    Test(TestExpr),
    Function { name: String, body: Code },
}

#[derive(Debug)]
pub(super) struct Item {
    pub code: Code,
    pub background: bool,
    /// Its source, for `jobs`.
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    And,
    Or,
}

#[derive(Debug, Default)]
pub(super) struct Simple {
    pub assignments: Vec<Assignment>,
    pub words: Vec<Word>,
    pub redirects: Arc<[Redirect]>,
    /// For `export a=b`: which words are assignments, that are not split.
    pub declares: bool,
}

#[derive(Debug)]
pub(super) struct Assignment {
    pub name: String,
    pub index: Option<Word>,
    pub append: bool,
    pub value: Value,
}

#[derive(Debug)]
pub(super) enum Value {
    Scalar(Word),
    Array(Vec<(Option<Word>, Word)>),
}

#[derive(Debug)]
pub(super) struct Redirect {
    pub fd: i32,
    pub kind: RedirectKind,
}

#[derive(Debug)]
pub(super) enum RedirectKind {
    Read(Word),
    Write {
        target: Word,
        append: bool,
    },
    /// `&>`: standard output and standard error.
    Both {
        target: Word,
        append: bool,
    },
    /// `2>&1`, `<&-`.
    Duplicate(Word),
    /// A here-document (its text).
    Here(Word),
    /// `<<< word`: a newline is added.
    HereString(Word),
}

#[derive(Debug)]
pub(super) struct Arm {
    pub patterns: Vec<Word>,
    pub body: Option<Code>,
    pub next: AfterArm,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AfterArm {
    Leave,
    FallThrough,
    TestNext,
}

#[derive(Debug)]
pub(super) enum TestExpr {
    And(Box<TestExpr>, Box<TestExpr>),
    Or(Box<TestExpr>, Box<TestExpr>),
    Not(Box<TestExpr>),
    Unary(String, Word),
    Binary(String, Word, Word),
}

/// A word before expansion.
#[derive(Clone, Debug, Default)]
pub(super) struct Word {
    pub pieces: Vec<Piece>,
    /// Its source.
    pub text: String,
}

#[derive(Clone, Debug)]
pub(super) enum Piece {
    /// Unquoted text: pattern characters in it are active.
    Text(String),
    Quoted(String),
    Double(Vec<Piece>),
    Tilde(String),
    Param(Arc<Expansion>),
    Command(Code),
    Arith(Arc<Word>),
    /// `<(command)`.
    Process(Code),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Param {
    Named(String),
    Index(String, String),
    /// `$@`, `$*` (no name), `${a[@]}`, `${a[*]}`.
    All {
        name: Option<String>,
        join: bool,
    },
    Positional(u32),
    Special(char),
}

#[derive(Debug)]
pub(super) struct Expansion {
    pub param: Param,
    pub indirect: bool,
    pub op: Op,
}

#[derive(Debug)]
pub(super) enum Op {
    Get,
    Default {
        null: bool,
        word: Word,
    },
    Assign {
        null: bool,
        word: Word,
    },
    Require {
        null: bool,
        word: Option<Word>,
    },
    Alternative {
        null: bool,
        word: Word,
    },
    Length,
    Trim {
        suffix: bool,
        longest: bool,
        pattern: Word,
    },
    Substring {
        offset: Word,
        length: Option<Word>,
    },
    Case {
        upper: bool,
        all: bool,
    },
    Replace {
        place: Place,
        pattern: Word,
        with: Word,
    },
    Quote,
    /// `${!prefix*}`.
    Names,
    /// `${!array[@]}`.
    Keys,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Start,
    End,
    First,
    All,
}
