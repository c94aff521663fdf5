//! The text form of a selector: `app=web,tier!=db,env in (a,b),gpu,!spot`.
//!
//! Always holds: what is refused is refused in the API server's words, wherever the text goes wrong.

use super::{Operator, Requirement, Selector};
use crate::object::names;
use std::collections::BTreeSet;

/// The operators between a key and its values, as messages list them.
const OPERATORS: &str = "in, notin, =, ==, !=, gt, lt";

/// A word, or one of the signs; the end is the empty word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Token<'a> {
    Word(&'a str),
    Sign(&'a str),
    End,
}

impl<'a> Token<'a> {
    fn text(self) -> &'a str {
        match self {
            Token::Word(text) | Token::Sign(text) => text,
            Token::End => "",
        }
    }

    fn is(self, sign: &str) -> bool {
        matches!(self, Token::Sign(text) if text == sign)
    }

    fn ends_requirement(self) -> bool {
        self == Token::End || self.is(",")
    }
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let special = |c: char| "=!(),><".contains(c);
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if special(first) {
            // The longest sign: `==` and `!=` are the only ones of two.
            if rest.starts_with("==") || rest.starts_with("!=") { 2 } else { 1 }
        } else {
            rest.find(|c: char| special(c) || c.is_whitespace()).unwrap_or(rest.len())
        };
        let (token, after) = rest.split_at(length);
        found.push(if special(first) { Token::Sign(token) } else { Token::Word(token) });
        rest = after.trim_start();
    }
    found
}

struct Parser<'a> {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token<'a>>>,
}

impl<'a> Parser<'a> {
    fn peek(&mut self) -> Token<'a> {
        self.tokens.peek().copied().unwrap_or(Token::End)
    }

    fn next(&mut self) -> Token<'a> {
        self.tokens.next().unwrap_or(Token::End)
    }

    fn requirements(&mut self) -> Result<Vec<Requirement>, String> {
        let mut found = Vec::new();
        loop {
            match self.peek() {
                Token::End => return Ok(found),
                Token::Sign(sign) if sign != "!" => {
                    return Err(format!("found '{sign}', expected: !, identifier, or 'end of string'"));
                }
                _ => {}
            }
            let one = self.requirement().map_err(|why| format!("unable to parse requirement: {why}"))?;
            found.push(one);
            match self.next() {
                Token::End => return Ok(found),
                token if !token.is(",") => {
                    let text = token.text();
                    return Err(format!("found '{text}', expected: ',' or 'end of string'"));
                }
                _ => match self.peek() {
                    Token::Word(_) | Token::Sign("!") => {}
                    token => {
                        return Err(format!("found '{}', expected: identifier after ','", token.text()));
                    }
                },
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let mut token = self.next();
        let absent = token.is("!");
        if absent {
            token = self.next();
        }
        let Token::Word(key) = token else {
            return Err(format!("found '{}', expected: identifier", token.text()));
        };
        check("<nil>", key, &names::qualified(key))?;
        let requirement = |operator, values| Ok(Requirement { key: key.to_owned(), operator, values });
        if absent {
            return requirement(Operator::DoesNotExist, BTreeSet::new());
        }
        if self.peek().ends_requirement() {
            return requirement(Operator::Exists, BTreeSet::new());
        }
        let token = self.next();
        let (operator, values) = match token.text() {
            "in" => (Operator::In, self.list()?),
            "notin" => (Operator::NotIn, self.list()?),
            "=" | "==" => (Operator::In, self.value()?),
            "!=" => (Operator::NotIn, self.value()?),
            ">" => (Operator::Gt, self.value()?),
            "<" => (Operator::Lt, self.value()?),
            other => return Err(format!("found '{other}', expected: {OPERATORS}")),
        };
        for (index, value) in values.iter().enumerate() {
            if matches!(operator, Operator::Gt | Operator::Lt) && value.parse::<i64>().is_err() {
                let why = "for 'Gt', 'Lt' operators, the value must be an integer";
                return Err(format!("values[{index}]: Invalid value: {value:?}: {why}"));
            }
            check(&format!("values[{index}][{key}]"), value, &names::label_value(value))?;
        }
        requirement(operator, values)
    }

    /// One value, which may be missing.
    fn value(&mut self) -> Result<BTreeSet<String>, String> {
        if self.peek().ends_requirement() {
            return Ok(BTreeSet::from([String::new()]));
        }
        match self.next() {
            Token::Word(value) => Ok(BTreeSet::from([value.to_owned()])),
            token => Err(format!("found '{}', expected: identifier", token.text())),
        }
    }

    /// Values in parentheses; between commas, and beside them, there may be nothing.
    fn list(&mut self) -> Result<BTreeSet<String>, String> {
        let open = self.next();
        if !open.is("(") {
            return Err(format!("found '{}' expected: '('", open.text()));
        }
        let first = self.peek();
        let mut values = BTreeSet::new();
        match first {
            Token::Word(_) => {}
            Token::Sign("," | ")") => drop(values.insert(String::new())),
            _ => return Err(format!("found '{}', expected: ',', ')' or identifier", first.text())),
        }
        loop {
            match self.next() {
                Token::Word(value) => {
                    values.insert(value.to_owned());
                    let token = self.peek();
                    if !token.is(",") && !token.is(")") {
                        return Err(format!("found '{}', expected: ',' or ')'", token.text()));
                    }
                }
                Token::Sign(")") => return Ok(values),
                Token::Sign(",") => {
                    if self.peek().is(")") || self.peek().is(",") {
                        values.insert(String::new());
                    }
                }
                token => return Err(format!("found '{}', expected: ',', or identifier", token.text())),
            }
        }
    }
}

fn check(path: &str, value: &str, wrong: &[String]) -> Result<(), String> {
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(format!("{path}: Invalid value: {value:?}: {}", wrong.join("; ")))
    }
}

impl Selector {
    /// Parses the text form: `app=web,tier!=db,env in (a,b),gpu,!spot`.
    ///
    /// # Errors
    /// What is wrong with it, as the API server says it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser { tokens: tokens(text).into_iter().peekable() };
        let requirements = parser.requirements()?;
        Ok(Self { requirements, nothing: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused() {
        for (text, expected) in [
            ("a=(b", "unable to parse requirement: found '(', expected: identifier"),
            ("a=b=c", "found '=', expected: ',' or 'end of string'"),
            ("a in b", "unable to parse requirement: found 'b' expected: '('"),
            ("a in (b", "unable to parse requirement: found '', expected: ',' or ')'"),
            ("a,", "found '', expected: identifier after ','"),
            (",a", "found ',', expected: !, identifier, or 'end of string'"),
            ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
            ("!", "unable to parse requirement: found '', expected: identifier"),
            (
                "a>x",
                "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer",
            ),
        ] {
            assert_eq!(Selector::parse(text).unwrap_err(), expected, "{text}");
        }
        let why = Selector::parse("a=-").unwrap_err();
        assert!(why.starts_with(
            "unable to parse requirement: values[0][a]: Invalid value: \"-\": a valid label must be"
        ));
        let why = Selector::parse("a_/b").unwrap_err();
        assert!(why.starts_with("unable to parse requirement: <nil>: Invalid value: \"a_/b\": prefix part"));
    }

    #[test]
    fn what_is_read() {
        for (text, expected) in [
            ("", ""),
            (" a = b , c", "a=b,c"),
            ("a==b,!c", "a=b,!c"),
            ("a in (x,,y)", "a in (,x,y)"),
            ("in in (in)", "in=in"),
            ("a notin ()", "a!="),
            ("a=,b>1", "a=,b>1"),
        ] {
            assert_eq!(Selector::parse(text).unwrap().to_string(), expected, "{text}");
        }
    }
}
