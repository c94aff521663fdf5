//! Text → [`Code`], by the `brush-parser` crate.
//!
//! Always holds: nesting and size are limited before the parser sees the text, so that its recursion is bounded.

use super::braces;
use super::code::{
    AfterArm, Arm, Assignment, Code, Expansion, Item, Node, Op, Operator, Param, Piece, Place, Redirect,
    RedirectKind, Simple, TestExpr, Value, Word,
};
use brush_parser::ast::{self, CommandPrefixOrSuffixItem as Part, CompoundCommand, ExtendedTestExpr};
use brush_parser::word::{self, ParameterExpr, ParameterTestType, SpecialParameter, SubstringMatchKind};
use brush_parser::{Parser, ParserOptions};
use std::sync::Arc;

/// Longer scripts are refused.
const MAX_SCRIPT: usize = 1 << 20;
/// Deeper nesting is refused.
const MAX_NESTING: usize = 120;

/// Text that is not a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// What bash says, without the shell's name.
    pub message: String,
    /// Whether more text could make it whole: an open quote, a missing `done` or here-document end.
    pub incomplete: bool,
}

impl SyntaxError {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), incomplete: false }
    }
}

type Parsed<T> = Result<T, SyntaxError>;

fn options() -> ParserOptions {
    ParserOptions { enable_extended_globbing: false, ..ParserOptions::default() }
}

/// Parses a script.
pub(super) fn parse(text: &str) -> Parsed<Code> {
    Reader { depth: 0 }.script(text)
}

/// Parses text as the inside of double quotes.
pub(super) fn parse_quoted(text: &str) -> Parsed<Word> {
    Reader { depth: 0 }.heredoc(text)
}

struct Reader {
    depth: usize,
}

/// An upper bound of how deep the parser would recurse.
fn nesting(text: &str) -> usize {
    let (mut depth, mut most) = (0usize, 0usize);
    for c in text.chars() {
        match c {
            '(' | '{' => depth += 1,
            ')' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        most = most.max(depth);
    }
    let (mut words, mut deepest) = (0usize, 0usize);
    for line in text.split(['\n', ';', '&', '|']) {
        for word in line.split_whitespace().take(4) {
            match word {
                "if" | "while" | "until" | "for" | "case" | "!" => words += 1,
                "fi" | "done" | "esac" => words = words.saturating_sub(1),
                "then" | "do" | "else" | "elif" | "{" | "(" => {}
                _ => break,
            }
        }
        deepest = deepest.max(words);
    }
    most.max(deepest)
}

impl Reader {
    fn script(&mut self, text: &str) -> Parsed<Code> {
        if text.len() > MAX_SCRIPT {
            return Err(SyntaxError::new("script too long (1 MiB at most)"));
        }
        if nesting(text) > MAX_NESTING || self.depth > MAX_NESTING {
            return Err(SyntaxError::new(format!(
                "commands nested too deeply ({MAX_NESTING} levels at most)"
            )));
        }
        let program = Parser::new(text.as_bytes(), &options())
            .parse_program()
            .map_err(|error| describe(&error, text))?;
        self.depth += 1;
        let mut items = Vec::new();
        for list in &program.complete_commands {
            items.extend(self.items(list)?);
        }
        self.depth -= 1;
        Ok(Arc::new(Node::List(items)))
    }

    fn items(&mut self, list: &ast::CompoundList) -> Parsed<Vec<Item>> {
        list.0
            .iter()
            .map(|ast::CompoundListItem(and_or, separator)| {
                let background = matches!(separator, ast::SeparatorOperator::Async);
                let text = if background { and_or.to_string() } else { String::new() };
                Ok(Item { code: self.and_or(and_or)?, background, text })
            })
            .collect()
    }

    fn list(&mut self, list: &ast::CompoundList) -> Parsed<Code> {
        self.depth += 1;
        if self.depth > 4 * MAX_NESTING {
            return Err(SyntaxError::new("commands nested too deeply"));
        }
        let items = self.items(list)?;
        self.depth -= 1;
        if let [Item { code, background: false, .. }] = items.as_slice() {
            return Ok(Arc::clone(code));
        }
        Ok(Arc::new(Node::List(items)))
    }

    fn and_or(&mut self, list: &ast::AndOrList) -> Parsed<Code> {
        let first = self.pipeline(&list.first)?;
        if list.additional.is_empty() {
            return Ok(first);
        }
        let rest = list
            .additional
            .iter()
            .map(|next| match next {
                ast::AndOr::And(p) => Ok((Operator::And, self.pipeline(p)?)),
                ast::AndOr::Or(p) => Ok((Operator::Or, self.pipeline(p)?)),
            })
            .collect::<Parsed<_>>()?;
        Ok(Arc::new(Node::AndOr { first, rest }))
    }

    fn pipeline(&mut self, pipeline: &ast::Pipeline) -> Parsed<Code> {
        let mut stages =
            pipeline.seq.iter().map(|command| self.command(command)).collect::<Parsed<Vec<_>>>()?;
        let timed = pipeline.timed.is_some();
        if stages.len() == 1 && !pipeline.bang && !timed {
            return Ok(stages.remove(0));
        }
        Ok(Arc::new(Node::Pipeline { bang: pipeline.bang, timed, stages }))
    }

    fn command(&mut self, command: &ast::Command) -> Parsed<Code> {
        let (node, redirects) = match command {
            ast::Command::Simple(simple) => return Ok(Arc::new(Node::Simple(self.simple(simple)?))),
            ast::Command::Compound(compound, redirects) => (self.compound(compound)?, redirects),
            ast::Command::ExtendedTest(test, redirects) => {
                (Arc::new(Node::Test(self.test(&test.expr)?)), redirects)
            }
            ast::Command::Function(function) => {
                let ast::FunctionBody(body, redirects) = &function.body;
                let body = self.compound(body)?;
                let body = self.redirected(body, redirects.as_ref())?;
                return Ok(Arc::new(Node::Function { name: function.fname.value.clone(), body }));
            }
        };
        self.redirected(node, redirects.as_ref())
    }

    fn redirected(&mut self, code: Code, redirects: Option<&ast::RedirectList>) -> Parsed<Code> {
        let Some(list) = redirects else { return Ok(code) };
        let list = list.0.iter().map(|r| self.redirect(r)).collect::<Parsed<Vec<_>>>()?;
        Ok(Arc::new(Node::Redirected(code, list.into())))
    }

    fn compound(&mut self, compound: &CompoundCommand) -> Parsed<Code> {
        let node = match compound {
            CompoundCommand::BraceGroup(group) => return self.list(&group.list),
            CompoundCommand::Subshell(sub) => Node::Subshell(self.list(&sub.list)?),
            CompoundCommand::Arithmetic(arith) => Node::Arith(self.heredoc(&arith.expr.value)?),
            CompoundCommand::ArithmeticForClause(f) => {
                let mut part = |e: &Option<ast::UnexpandedArithmeticExpr>| {
                    self.heredoc(e.as_ref().map_or("", |e| e.value.as_str()))
                };
                let (init, cond, update) = (part(&f.initializer)?, part(&f.condition)?, part(&f.updater)?);
                Node::ForArith { init, cond, update, body: self.list(&f.body.list)? }
            }
            CompoundCommand::ForClause(f) => {
                let words = match &f.values {
                    None => None,
                    Some(values) => Some(self.words(values.iter())?),
                };
                Node::For { name: f.variable_name.clone(), words, body: self.list(&f.body.list)? }
            }
            CompoundCommand::CaseClause(case) => {
                let arms = case.cases.iter().map(|arm| self.arm(arm)).collect::<Parsed<_>>()?;
                Node::Case { subject: self.word(&case.value.value)?, arms }
            }
            CompoundCommand::IfClause(clause) => {
                let mut arms = vec![(self.list(&clause.condition)?, self.list(&clause.then)?)];
                let mut otherwise = None;
                for part in clause.elses.iter().flatten() {
                    match &part.condition {
                        Some(cond) => arms.push((self.list(cond)?, self.list(&part.body)?)),
                        None => otherwise = Some(self.list(&part.body)?),
                    }
                }
                Node::If { arms, otherwise }
            }
            CompoundCommand::WhileClause(w) => {
                Node::While { until: false, cond: self.list(&w.0)?, body: self.list(&w.1.list)? }
            }
            CompoundCommand::UntilClause(w) => {
                Node::While { until: true, cond: self.list(&w.0)?, body: self.list(&w.1.list)? }
            }
            CompoundCommand::Coprocess(_) => return Err(SyntaxError::new("coproc: not supported here")),
        };
        Ok(Arc::new(node))
    }

    fn arm(&mut self, arm: &ast::CaseItem) -> Parsed<Arm> {
        let patterns = arm.patterns.iter().map(|p| self.word(&p.value)).collect::<Parsed<_>>()?;
        let body = arm.cmd.as_ref().map(|list| self.list(list)).transpose()?;
        let next = match arm.post_action {
            ast::CaseItemPostAction::ExitCase => AfterArm::Leave,
            ast::CaseItemPostAction::UnconditionallyExecuteNextCaseItem => AfterArm::FallThrough,
            ast::CaseItemPostAction::ContinueEvaluatingCases => AfterArm::TestNext,
        };
        Ok(Arm { patterns, body, next })
    }

    fn test(&mut self, expr: &ExtendedTestExpr) -> Parsed<TestExpr> {
        Ok(match expr {
            ExtendedTestExpr::And(a, b) => TestExpr::And(Box::new(self.test(a)?), Box::new(self.test(b)?)),
            ExtendedTestExpr::Or(a, b) => TestExpr::Or(Box::new(self.test(a)?), Box::new(self.test(b)?)),
            ExtendedTestExpr::Not(a) => TestExpr::Not(Box::new(self.test(a)?)),
            ExtendedTestExpr::Parenthesized(a) => self.test(a)?,
            ExtendedTestExpr::UnaryTest(op, word) => TestExpr::Unary(op.to_string(), self.word(&word.value)?),
            ExtendedTestExpr::BinaryTest(op, a, b) => {
                TestExpr::Binary(binary_name(op), self.word(&a.value)?, self.word(&b.value)?)
            }
        })
    }

    fn simple(&mut self, simple: &ast::SimpleCommand) -> Parsed<Simple> {
        let mut made = Simple::default();
        let mut redirects = Vec::new();
        for part in simple.prefix.iter().flat_map(|p| &p.0) {
            match part {
                Part::AssignmentWord(assignment, _) => made.assignments.push(self.assignment(assignment)?),
                part => self.part(part, &mut made, &mut redirects)?,
            }
        }
        if let Some(name) = &simple.word_or_name {
            made.declares =
                matches!(name.value.as_str(), "export" | "local" | "readonly" | "declare" | "typeset");
            made.words.extend(self.words([name].into_iter())?);
        }
        for part in simple.suffix.iter().flat_map(|s| &s.0) {
            self.part(part, &mut made, &mut redirects)?;
        }
        made.redirects = redirects.into();
        Ok(made)
    }

    fn part(&mut self, part: &Part, made: &mut Simple, redirects: &mut Vec<Redirect>) -> Parsed<()> {
        match part {
            Part::IoRedirect(redirect) => redirects.push(self.redirect(redirect)?),
            Part::AssignmentWord(_, word) if made.declares => made.words.push(self.word(&word.value)?),
            Part::Word(word) | Part::AssignmentWord(_, word) => {
                made.words.extend(self.words([word].into_iter())?);
            }
            Part::ProcessSubstitution(ast::ProcessSubstitutionKind::Read, sub) => {
                let pieces = vec![Piece::Process(self.list(&sub.list)?)];
                made.words.push(Word { pieces, text: String::new() });
            }
            Part::ProcessSubstitution(..) => return Err(SyntaxError::new(">(…): not supported here")),
        }
        Ok(())
    }

    fn assignment(&mut self, assignment: &ast::Assignment) -> Parsed<Assignment> {
        let (name, index) = match &assignment.name {
            ast::AssignmentName::VariableName(name) => (name.clone(), None),
            ast::AssignmentName::ArrayElementName(name, index) => (name.clone(), Some(self.word(index)?)),
        };
        let value = match &assignment.value {
            ast::AssignmentValue::Scalar(word) => Value::Scalar(self.word(&tilde_value(&word.value))?),
            ast::AssignmentValue::Array(items) => {
                let mut list = Vec::new();
                for (key, value) in items {
                    match key {
                        Some(key) => list.push((Some(self.word(&key.value)?), self.word(&value.value)?)),
                        None => {
                            for word in self.words([value].into_iter())? {
                                list.push((None, word));
                            }
                        }
                    }
                }
                Value::Array(list)
            }
        };
        Ok(Assignment { name, index, append: assignment.append, value })
    }

    fn redirect(&mut self, redirect: &ast::IoRedirect) -> Parsed<Redirect> {
        use ast::{IoFileRedirectKind as Kind, IoFileRedirectTarget as Target, IoRedirect};
        Ok(match redirect {
            IoRedirect::OutputAndError(target, append) => {
                let target = self.word(&target.value)?;
                Redirect { fd: 1, kind: RedirectKind::Both { target, append: *append } }
            }
            IoRedirect::HereString(fd, word) => {
                Redirect { fd: fd.unwrap_or(0), kind: RedirectKind::HereString(self.word(&word.value)?) }
            }
            IoRedirect::HereDocument(fd, here) => {
                let body = if here.remove_tabs {
                    here.doc
                        .value
                        .split('\n')
                        .map(|l| l.trim_start_matches('\t'))
                        .collect::<Vec<_>>()
                        .join("\n")
                } else {
                    here.doc.value.clone()
                };
                let word = if here.requires_expansion {
                    self.heredoc(&body)?
                } else {
                    Word { pieces: vec![Piece::Quoted(body)], text: String::new() }
                };
                Redirect { fd: fd.unwrap_or(0), kind: RedirectKind::Here(word) }
            }
            IoRedirect::File(fd, kind, target) => {
                let target = match target {
                    Target::Filename(word) | Target::Duplicate(word) => self.word(&word.value)?,
                    Target::Fd(fd) => literal(&fd.to_string()),
                    Target::ProcessSubstitution(ast::ProcessSubstitutionKind::Read, sub) => {
                        Word { pieces: vec![Piece::Process(self.list(&sub.list)?)], text: String::new() }
                    }
                    Target::ProcessSubstitution(..) => {
                        return Err(SyntaxError::new(">(…): not supported here"));
                    }
                };
                let (default, kind) = match kind {
                    Kind::Read => (0, RedirectKind::Read(target)),
                    Kind::ReadAndWrite => (0, RedirectKind::Read(target)),
                    Kind::Write | Kind::Clobber => (1, RedirectKind::Write { target, append: false }),
                    Kind::Append => (1, RedirectKind::Write { target, append: true }),
                    Kind::DuplicateInput => (0, RedirectKind::Duplicate(target)),
                    // `>&file` is `&>file`.
                    Kind::DuplicateOutput
                        if fd.is_none() && !target.text.chars().all(|c| c.is_ascii_digit() || c == '-') =>
                    {
                        (1, RedirectKind::Both { target, append: false })
                    }
                    Kind::DuplicateOutput => (1, RedirectKind::Duplicate(target)),
                };
                Redirect { fd: fd.unwrap_or(default), kind }
            }
        })
    }

    fn words<'a>(&mut self, words: impl Iterator<Item = &'a ast::Word>) -> Parsed<Vec<Word>> {
        let mut made = Vec::new();
        for word in words {
            for text in braces::expand(&word.value).map_err(SyntaxError::new)? {
                made.push(self.word(&text)?);
            }
        }
        Ok(made)
    }

    fn word(&mut self, text: &str) -> Parsed<Word> {
        if is_plain(text) {
            return Ok(literal(text));
        }
        let parsed = word::parse(text, &options()).map_err(|_| bad_substitution(text))?;
        let pieces = self.pieces(&parsed)?;
        Ok(Word { pieces, text: text.to_owned() })
    }

    fn heredoc(&mut self, text: &str) -> Parsed<Word> {
        if !text.contains(['$', '`', '\\']) {
            return Ok(Word { pieces: vec![Piece::Quoted(text.to_owned())], text: text.to_owned() });
        }
        let parsed = word::parse_heredoc(text, &options()).map_err(|_| bad_substitution(text))?;
        let pieces = vec![Piece::Double(self.pieces(&parsed)?)];
        Ok(Word { pieces, text: text.to_owned() })
    }

    fn pieces(&mut self, parsed: &[word::WordPieceWithSource]) -> Parsed<Vec<Piece>> {
        use word::WordPiece as P;
        self.depth += 1;
        if self.depth > 4 * MAX_NESTING {
            return Err(SyntaxError::new("expansions nested too deeply"));
        }
        let mut made = Vec::new();
        for piece in parsed {
            made.push(match &piece.piece {
                P::Text(text) => Piece::Text(text.clone()),
                P::SingleQuotedText(text) => Piece::Quoted(text.clone()),
                P::AnsiCQuotedText(text) => {
                    Piece::Quoted(String::from_utf8_lossy(&super::tools::unescape(text)).into_owned())
                }
                P::DoubleQuotedSequence(inner) | P::GettextDoubleQuotedSequence(inner) => {
                    Piece::Double(self.pieces(inner)?)
                }
                P::TildeExpansion(word::TildeExpr::Home) => Piece::Tilde(String::new()),
                P::TildeExpansion(word::TildeExpr::UserHome(user)) => Piece::Tilde(user.clone()),
                P::TildeExpansion(word::TildeExpr::WorkingDir) => Piece::Tilde("+".into()),
                P::TildeExpansion(_) => Piece::Tilde("-".into()),
                P::ParameterExpansion(expr) => Piece::Param(Arc::new(self.expansion(expr)?)),
                P::CommandSubstitution(text) => Piece::Command(self.script(text)?),
                P::BackquotedCommandSubstitution(text) => Piece::Command(self.script(&unbackquote(text))?),
                P::EscapeSequence(text) => match text.chars().nth(1) {
                    Some('\n') | None => continue,
                    Some(c) => Piece::Quoted(c.to_string()),
                },
                P::ArithmeticExpression(expr) => Piece::Arith(Arc::new(self.heredoc(&expr.value)?)),
            });
        }
        self.depth -= 1;
        Ok(made)
    }

    fn optional(&mut self, text: Option<&String>) -> Parsed<Word> {
        text.map_or_else(|| Ok(Word::default()), |text| self.word(text))
    }

    fn expansion(&mut self, expr: &ParameterExpr) -> Parsed<Expansion> {
        use ParameterExpr as E;
        let null = |test: &ParameterTestType| matches!(test, ParameterTestType::UnsetOrNull);
        let mut trim = |pattern: &Option<String>, suffix, longest| {
            Ok(Op::Trim { suffix, longest, pattern: self.optional(pattern.as_ref())? })
        };
        let (parameter, indirect, op) = match expr {
            E::Parameter { parameter, indirect } => (parameter, *indirect, Op::Get),
            E::RemoveSmallestSuffixPattern { parameter, indirect, pattern } => {
                (parameter, *indirect, trim(pattern, true, false)?)
            }
            E::RemoveLargestSuffixPattern { parameter, indirect, pattern } => {
                (parameter, *indirect, trim(pattern, true, true)?)
            }
            E::RemoveSmallestPrefixPattern { parameter, indirect, pattern } => {
                (parameter, *indirect, trim(pattern, false, false)?)
            }
            E::RemoveLargestPrefixPattern { parameter, indirect, pattern } => {
                (parameter, *indirect, trim(pattern, false, true)?)
            }
            E::UseDefaultValues { parameter, indirect, test_type, default_value } => {
                let word = self.optional(default_value.as_ref())?;
                (parameter, *indirect, Op::Default { null: null(test_type), word })
            }
            E::AssignDefaultValues { parameter, indirect, test_type, default_value } => {
                let word = self.optional(default_value.as_ref())?;
                (parameter, *indirect, Op::Assign { null: null(test_type), word })
            }
            E::IndicateErrorIfNullOrUnset { parameter, indirect, test_type, error_message } => {
                let word = error_message.as_ref().map(|text| self.word(text)).transpose()?;
                (parameter, *indirect, Op::Require { null: null(test_type), word })
            }
            E::UseAlternativeValue { parameter, indirect, test_type, alternative_value } => {
                let word = self.optional(alternative_value.as_ref())?;
                (parameter, *indirect, Op::Alternative { null: null(test_type), word })
            }
            E::ParameterLength { parameter, indirect } => (parameter, *indirect, Op::Length),
            E::Substring { parameter, indirect, offset, length } => {
                let offset = self.heredoc(&offset.value)?;
                let length = length.as_ref().map(|l| self.heredoc(&l.value)).transpose()?;
                (parameter, *indirect, Op::Substring { offset, length })
            }
            E::UppercaseFirstChar { parameter, indirect, .. } => {
                (parameter, *indirect, Op::Case { upper: true, all: false })
            }
            E::UppercasePattern { parameter, indirect, .. } => {
                (parameter, *indirect, Op::Case { upper: true, all: true })
            }
            E::LowercaseFirstChar { parameter, indirect, .. } => {
                (parameter, *indirect, Op::Case { upper: false, all: false })
            }
            E::LowercasePattern { parameter, indirect, .. } => {
                (parameter, *indirect, Op::Case { upper: false, all: true })
            }
            E::ReplaceSubstring { parameter, indirect, pattern, replacement, match_kind } => {
                let place = match match_kind {
                    SubstringMatchKind::Prefix => Place::Start,
                    SubstringMatchKind::Suffix => Place::End,
                    SubstringMatchKind::FirstOccurrence => Place::First,
                    SubstringMatchKind::Anywhere => Place::All,
                };
                let with = self.optional(replacement.as_ref())?;
                (parameter, *indirect, Op::Replace { place, pattern: self.word(pattern)?, with })
            }
            E::Transform { parameter, indirect, op } => {
                let op = match op {
                    word::ParameterTransformOp::ToLowerCase => Op::Case { upper: false, all: true },
                    word::ParameterTransformOp::ToUpperCase => Op::Case { upper: true, all: true },
                    word::ParameterTransformOp::CapitalizeInitial => Op::Case { upper: true, all: false },
                    word::ParameterTransformOp::Quoted => Op::Quote,
                    _ => return Err(bad_substitution("@")),
                };
                (parameter, *indirect, op)
            }
            E::VariableNames { prefix, .. } => {
                return Ok(Expansion { param: Param::Named(prefix.clone()), indirect: false, op: Op::Names });
            }
            E::MemberKeys { variable_name, concatenate } => {
                let param = Param::All { name: Some(variable_name.clone()), join: *concatenate };
                return Ok(Expansion { param, indirect: false, op: Op::Keys });
            }
        };
        Ok(Expansion { param: param(parameter), indirect, op })
    }
}

fn param(parameter: &word::Parameter) -> Param {
    match parameter {
        word::Parameter::Positional(n) => Param::Positional(*n),
        word::Parameter::Named(name) => Param::Named(name.clone()),
        word::Parameter::NamedWithIndex { name, index } => Param::Index(name.clone(), index.clone()),
        word::Parameter::NamedWithAllIndices { name, concatenate } => {
            Param::All { name: Some(name.clone()), join: *concatenate }
        }
        word::Parameter::Special(special) => match special {
            SpecialParameter::AllPositionalParameters { concatenate } => {
                Param::All { name: None, join: *concatenate }
            }
            SpecialParameter::PositionalParameterCount => Param::Special('#'),
            SpecialParameter::LastExitStatus => Param::Special('?'),
            SpecialParameter::CurrentOptionFlags => Param::Special('-'),
            SpecialParameter::ProcessId => Param::Special('$'),
            SpecialParameter::LastBackgroundProcessId => Param::Special('!'),
            SpecialParameter::ShellName => Param::Positional(0),
        },
    }
}

fn binary_name(op: &ast::BinaryPredicate) -> String {
    use ast::BinaryPredicate as B;
    match op {
        B::StringExactlyMatchesString => "= literal".into(),
        B::StringDoesNotExactlyMatchString => "!= literal".into(),
        B::StringExactlyMatchesPattern => "==".into(),
        B::StringDoesNotExactlyMatchPattern => "!=".into(),
        B::StringMatchesRegex => "=~".into(),
        B::StringContainsSubstring => "=~ literal".into(),
        other => other.to_string(),
    }
}

fn literal(text: &str) -> Word {
    Word { pieces: vec![Piece::Text(text.to_owned())], text: text.to_owned() }
}

fn is_plain(text: &str) -> bool {
    !text.contains(['$', '`', '\\', '\'', '"', '~'])
}

/// `a=~/x`: a tilde after the `=` is expanded; the word parser sees to it when it stands at the start.
fn tilde_value(text: &str) -> String {
    text.to_owned()
}

/// Inside backquotes a backslash protects only `$`, a backquote and itself.
fn unbackquote(text: &str) -> String {
    let mut made = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match chars.peek() {
            Some('$' | '`' | '\\') if c == '\\' => made.extend(chars.next()),
            _ => made.push(c),
        }
    }
    made
}

fn bad_substitution(text: &str) -> SyntaxError {
    SyntaxError::new(format!("{text}: bad substitution"))
}

fn describe(error: &brush_parser::ParseError, text: &str) -> SyntaxError {
    use brush_parser::ParseError as E;
    match error {
        // A stray `done`: the parser wants more, though nothing could follow.
        E::ParsingAtEndOfInput if is_stray(text) => {
            let token = first_token(text.trim_start());
            SyntaxError::new(format!("syntax error near unexpected token `{token}'"))
        }
        E::ParsingAtEndOfInput => {
            SyntaxError { message: "syntax error: unexpected end of file".into(), incomplete: true }
        }
        E::ParsingNear(at) => {
            let line = text.lines().nth(at.line.saturating_sub(1)).unwrap_or("");
            let rest: String = line.chars().skip(at.column.saturating_sub(1)).collect();
            let token = first_token(rest.trim_start());
            let token = if token.is_empty() { "newline" } else { token };
            SyntaxError::new(format!("syntax error near unexpected token `{token}'"))
        }
        E::Tokenizing { inner, .. } => {
            let words = inner.to_string();
            let (message, incomplete) = if words.contains("here document") {
                ("warning: here-document delimited by end-of-file".to_owned(), true)
            } else if words.contains("unterminated") {
                let quote = if words.contains("single") {
                    '\''
                } else if words.contains("double") {
                    '"'
                } else if words.contains("back") {
                    '`'
                } else {
                    ')'
                };
                (format!("unexpected EOF while looking for matching `{quote}'"), true)
            } else {
                (format!("syntax error: {words}"), false)
            };
            SyntaxError { message, incomplete }
        }
    }
}

fn is_stray(text: &str) -> bool {
    let word = first_token(text.trim_start());
    matches!(
        word,
        "done" | "fi" | "esac" | "then" | "do" | "else" | "elif" | "}" | ")" | "|" | "&&" | "||" | ";" | "&"
    )
}

fn first_token(rest: &str) -> &str {
    for op in ["&&", "||", ";;", ";", "&", "|", "(", ")", "<", ">"] {
        if rest.starts_with(op) {
            return op;
        }
    }
    rest.split([' ', '\t', ';', '&', '|', '(', ')']).next().unwrap_or("")
}
