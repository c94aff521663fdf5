//! Evaluation: a list of values goes through every node and comes out as another.

use super::parse::{Bound, Node};
use serde_json::Value;
use std::borrow::Cow;
use std::cmp::Ordering;

type Values<'v> = Vec<Cow<'v, Value>>;

/// The most values that a template may walk over, loops in loops included.
const STEP_LIMIT: usize = 4_000_000;

/// How deep loops may stand in one another.
const LOOP_LIMIT: usize = 64;

struct Eval {
    lenient: bool,
    in_range: usize,
    steps: usize,
}

/// The results of each top-level node, loops unrolled.
pub(super) fn find<'v>(nodes: &[Node], value: &'v Value, lenient: bool) -> Result<Vec<Values<'v>>, String> {
    let mut eval = Eval { lenient, in_range: 0, steps: 0 };
    let mut out = Vec::new();
    eval.run(nodes, &Cow::Borrowed(value), &mut out)?;
    Ok(out)
}

impl Eval {
    /// Runs nodes to the end of them, or of the loop; answers how many were used.
    #[allow(clippy::ptr_arg)] // A borrowed value must stay borrowed in what is found.
    fn run<'v>(
        &mut self,
        nodes: &[Node],
        value: &Cow<'v, Value>,
        out: &mut Vec<Values<'v>>,
    ) -> Result<usize, String> {
        let mut at = 0;
        while at < nodes.len() {
            let node = &nodes[at];
            at += 1;
            match marker(node) {
                Some("end") if self.in_range == 0 => return Err("not in range, nothing to end".to_owned()),
                Some("end") => return Ok(at),
                Some("range") => {
                    let found = self.walk(vec![value.clone()], node)?;
                    let body = &nodes[at..];
                    self.in_range += 1;
                    if self.in_range > LOOP_LIMIT {
                        return Err("ranges are nested too deeply".to_owned());
                    }
                    let mut used = 0;
                    for item in &found {
                        used = self.run(body, item, out)?;
                    }
                    if found.is_empty() {
                        used = self.run(body, &Cow::Owned(Value::Null), &mut Vec::new())?;
                    }
                    self.in_range -= 1;
                    at += used;
                }
                _ => out.push(self.walk(vec![value.clone()], node)?),
            }
        }
        Ok(at)
    }

    fn all<'v>(&mut self, input: Values<'v>, nodes: &[Node]) -> Result<Values<'v>, String> {
        nodes.iter().try_fold(input, |values, node| self.walk(values, node))
    }

    fn walk<'v>(&mut self, input: Values<'v>, node: &Node) -> Result<Values<'v>, String> {
        self.spend(input.len() + 1)?;
        if matches!(node, Node::Slice(_) | Node::Wildcard) {
            self.spend(input.iter().map(|value| count(value)).sum())?;
        }
        match node {
            Node::List(nodes) => self.all(input, nodes),
            Node::Text(text) => Ok(vec![Cow::Owned(Value::from(text.as_str()))]),
            Node::Int(value) => Ok(vec![Cow::Owned(Value::from(*value))]),
            Node::Float(value) => Ok(vec![Cow::Owned(Value::from(*value))]),
            Node::Bool(value) => Ok(vec![Cow::Owned(Value::from(*value))]),
            Node::Identifier(name) if name == "range" || name == "end" => Ok(input),
            Node::Identifier(name) => Err(format!("unrecognized identifier {name}")),
            Node::Field(name) => self.field(input, name),
            Node::Slice(bounds) => slice(input, bounds),
            Node::Filter { left, operator, right } => self.filter(input, left, operator, right),
            Node::Wildcard => Ok(input.into_iter().flat_map(children).collect()),
            Node::Recursive => {
                let mut out = Vec::new();
                self.descend(input, &mut out)?;
                Ok(out)
            }
            Node::Union(parts) => {
                let mut out = Vec::new();
                for part in parts {
                    out.extend(self.all(input.clone(), part)?);
                }
                Ok(out)
            }
        }
    }

    fn spend(&mut self, steps: usize) -> Result<(), String> {
        self.steps += steps;
        if self.steps > STEP_LIMIT { Err("the template takes too many steps".to_owned()) } else { Ok(()) }
    }

    fn descend<'v>(&mut self, input: Values<'v>, out: &mut Values<'v>) -> Result<(), String> {
        self.spend(input.len())?;
        for value in input {
            let below = children(value.clone());
            if !below.is_empty() {
                out.push(value);
                self.descend(below, out)?;
            }
        }
        Ok(())
    }

    fn field<'v>(&mut self, input: Values<'v>, name: &str) -> Result<Values<'v>, String> {
        if input.is_empty() {
            return Ok(input);
        }
        let found: Values<'v> = input.into_iter().filter_map(|value| member(value, name)).collect();
        if found.is_empty() && !self.lenient {
            return Err(format!("{name} is not found"));
        }
        Ok(found)
    }

    fn filter<'v>(
        &mut self,
        input: Values<'v>,
        left: &[Node],
        operator: &str,
        right: &[Node],
    ) -> Result<Values<'v>, String> {
        let mut out = Vec::new();
        for value in input {
            if value.is_null() {
                continue;
            }
            if !value.is_array() {
                return Err(format!("{} is not array or slice and cannot be filtered", type_name(&value)));
            }
            for item in children(value) {
                let lefts = self.all(vec![item.clone()], left);
                if operator == "exists" {
                    if lefts.is_ok_and(|found| !found.is_empty()) {
                        out.push(item);
                    }
                    continue;
                }
                let (lefts, rights) = (lefts?, self.all(vec![item.clone()], right)?);
                if lefts.len() > 1 || rights.len() > 1 {
                    return Err("can only compare one element at a time".to_owned());
                }
                if let (Some(a), Some(b)) = (lefts.first(), rights.first())
                    && compare(a, b, operator)?
                {
                    out.push(item);
                }
            }
        }
        Ok(out)
    }
}

/// Whether a node begins or ends a loop.
fn marker(node: &Node) -> Option<&str> {
    let Node::List(nodes) = node else { return None };
    let is_marker = |n: &&Node| matches!(n, Node::Identifier(name) if name == "range" || name == "end");
    match nodes.iter().find(is_marker) {
        Some(Node::Identifier(name)) => Some(name),
        _ => None,
    }
}

fn member<'v>(value: Cow<'v, Value>, name: &str) -> Option<Cow<'v, Value>> {
    match value {
        Cow::Borrowed(value) => value.as_object()?.get(name).map(Cow::Borrowed),
        Cow::Owned(Value::Object(mut map)) => map.remove(name).map(Cow::Owned),
        Cow::Owned(_) => None,
    }
}

fn count(value: &Value) -> usize {
    value.as_array().map_or_else(|| value.as_object().map_or(0, serde_json::Map::len), Vec::len)
}

fn children(value: Cow<'_, Value>) -> Values<'_> {
    match value {
        Cow::Borrowed(Value::Array(items)) => items.iter().map(Cow::Borrowed).collect(),
        Cow::Borrowed(Value::Object(map)) => map.values().map(Cow::Borrowed).collect(),
        Cow::Owned(Value::Array(items)) => items.into_iter().map(Cow::Owned).collect(),
        Cow::Owned(Value::Object(map)) => map.into_iter().map(|(_, v)| Cow::Owned(v)).collect(),
        _ => Vec::new(),
    }
}

fn slice<'v>(input: Values<'v>, bounds: &[Bound; 3]) -> Result<Values<'v>, String> {
    let mut out = Vec::new();
    for value in input {
        if value.is_null() {
            continue;
        }
        let Some(length) = value.as_array().map(|a| a.len() as i64) else {
            return Err(format!("{} is not array or slice", type_name(&value)));
        };
        let mut from = if bounds[0].known { bounds[0].value } else { 0 };
        if from < 0 {
            from += length;
        }
        let mut to = if bounds[1].known { bounds[1].value } else { length };
        if to < 0 || (to == 0 && bounds[1].derived) {
            to += length;
        }
        if from == to {
            continue;
        }
        if from >= length || from < 0 {
            return Err(format!("array index out of bounds: index {from}, length {length}"));
        }
        if to > length || to < 0 {
            return Err(format!("array index out of bounds: index {}, length {length}", to.wrapping_sub(1)));
        }
        if from > to {
            return Err(format!("starting index {from} is greater than ending index {to}"));
        }
        let step = if bounds[2].known { bounds[2].value } else { 1 };
        if step <= 0 {
            return Err("step must be > 0".to_owned());
        }
        let taken = children(value).into_iter().skip(from as usize).take((to - from) as usize);
        out.extend(taken.step_by(step as usize));
    }
    Ok(out)
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

fn compare(left: &Value, right: &Value, operator: &str) -> Result<bool, String> {
    let kinds = "incompatible types for comparison";
    let order = match (left, right) {
        (Value::Number(a), Value::Number(b)) if a.is_f64() == b.is_f64() => {
            compare_values(left, right).ok_or_else(|| kinds.to_owned())?
        }
        (Value::String(_), Value::String(_)) => compare_values(left, right).unwrap_or(Ordering::Equal),
        (Value::Bool(a), Value::Bool(b)) => {
            return match operator {
                "==" => Ok(a == b),
                "!=" => Ok(a != b),
                _ => Err("invalid type for comparison".to_owned()),
            };
        }
        (Value::Array(_) | Value::Object(_) | Value::Null, _) => {
            return Err("invalid type for comparison".to_owned());
        }
        _ => return Err(kinds.to_owned()),
    };
    match operator {
        "<" => Ok(order.is_lt()),
        "<=" => Ok(order.is_le()),
        ">" => Ok(order.is_gt()),
        ">=" => Ok(order.is_ge()),
        "==" => Ok(order.is_eq()),
        "!=" => Ok(order.is_ne()),
        other => Err(format!("unrecognized filter operator {other}")),
    }
}

/// The order of two numbers or two texts.
pub fn compare_values(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
        },
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        _ => None,
    }
}
