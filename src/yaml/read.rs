//! From parser events to values, with the place of every node.

use super::{Document, Error, scalar};
use granit_parser::{Event, Options, Parser, ScalarStyle, Span, Tag};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;

/// How deep nodes may be nested.
const DEPTH_LIMIT: usize = 200;
/// How many nodes a document may have, aliases counted as what they stand for.
const NODE_LIMIT: usize = 400_000;
/// How many bytes of text are read.
const SIZE_LIMIT: usize = 4 << 20;

/// Reads every document.
pub(super) fn documents(text: &str) -> Result<Vec<Document>, Error> {
    if text.len() > SIZE_LIMIT {
        return Err(Error::plain("document is larger than 4 MiB", 1));
    }
    let mut options = Options::default();
    options.set_emit_comments(false);
    let mut reader = Reader {
        events: Parser::new_from_str_with_options(text, options),
        text,
        document: Document::default(),
        anchors: BTreeMap::new(),
        nodes: 0,
    };
    let mut found = Vec::new();
    while let Some((event, span)) = reader.next()? {
        match event {
            Event::StreamEnd => break,
            Event::DocumentStart(..) => {
                reader.document = Document { first_line: span.start.line(), ..Document::default() };
                reader.anchors.clear();
                reader.nodes = 0;
                if let Some((event, span)) = reader.next()? {
                    reader.document.first_line = span.start.line();
                    reader.document.value = reader.node(event, &span, &mut String::new(), 0)?;
                }
                found.push(std::mem::take(&mut reader.document));
            }
            _ => {}
        }
    }
    Ok(found)
}

struct Reader<'t> {
    events: Parser<'t, granit_parser::StrInput<'t>>,
    text: &'t str,
    document: Document,
    /// What an alias stands for, and how many nodes that is.
    anchors: BTreeMap<usize, (Value, usize)>,
    nodes: usize,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<Option<(Event<'t>, Span)>, Error> {
        self.events.next_event().transpose().map_err(|e| Error::scan(&e, self.text))
    }

    fn count(&mut self, nodes: usize, line: usize) -> Result<(), Error> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > NODE_LIMIT {
            return Err(Error::plain("document contains excessive aliasing", line));
        }
        Ok(())
    }

    fn node(
        &mut self,
        event: Event<'t>,
        span: &Span,
        path: &mut String,
        depth: usize,
    ) -> Result<Value, Error> {
        let line = span.start.line();
        if depth > DEPTH_LIMIT {
            return Err(Error::plain("exceeded max depth of 10000", line));
        }
        // A mapping's keys are read under its own path: the first position is the mapping's.
        self.document.lines.entry(path.clone()).or_insert((line, span.start.col() + 1));
        let before = self.nodes;
        self.count(1, line)?;
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => (leaf(&text, style, tag, line)?, anchor),
            Event::SequenceStart(_, anchor, _) => (self.sequence(path, depth)?, anchor),
            Event::MappingStart(_, anchor, _) => (self.mapping(path, depth)?, anchor),
            Event::Alias(id) => {
                let Some((value, nodes)) = self.anchors.get(&id).cloned() else {
                    let name = span.slice(self.text).unwrap_or("*").trim_start_matches('*');
                    return Err(Error::plain(format!("anchor '{name}' value contains itself"), line));
                };
                self.count(nodes, line)?;
                return Ok(value);
            }
            _ => (Value::Null, 0),
        };
        if anchor != 0 {
            self.anchors.insert(anchor, (value.clone(), self.nodes - before));
        }
        Ok(value)
    }

    fn sequence(&mut self, path: &mut String, depth: usize) -> Result<Value, Error> {
        let mut items = Vec::new();
        while let Some((event, span)) = self.next()? {
            if event == Event::SequenceEnd {
                break;
            }
            let length = path.len();
            let _ = write!(path, "/{}", items.len());
            items.push(self.node(event, &span, path, depth + 1)?);
            path.truncate(length);
        }
        Ok(Value::Array(items))
    }

    fn mapping(&mut self, path: &mut String, depth: usize) -> Result<Value, Error> {
        let (mut map, mut merged) = (Map::new(), Map::new());
        while let Some((event, span)) = self.next()? {
            if event == Event::MappingEnd {
                break;
            }
            let merge = matches!(&event, Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<");
            let line = span.start.line();
            let key = self.key(event, &span, path, depth)?;
            let Some((event, value_span)) = self.next()? else { break };
            let length = path.len();
            path.push('/');
            path.push_str(&key.replace('~', "~0").replace('/', "~1"));
            let value = self.node(event, &value_span, path, depth + 1)?;
            if merge {
                path.truncate(length);
                merge_into(&mut merged, value, line)?;
                continue;
            }
            self.document.lines.insert(path.clone(), (line, span.start.col() + 1));
            if map.contains_key(&key) {
                self.document.duplicates.push((path.clone(), value_span.start.line()));
            }
            path.truncate(length);
            map.insert(key, value);
        }
        for (key, value) in merged {
            map.entry(key).or_insert(value);
        }
        Ok(Value::Object(map))
    }

    /// A key as JSON has it: a text.
    fn key(
        &mut self,
        event: Event<'t>,
        span: &Span,
        path: &mut String,
        depth: usize,
    ) -> Result<String, Error> {
        let line = span.start.line();
        match self.node(event, span, path, depth + 1)? {
            Value::String(text) => Ok(text),
            Value::Bool(value) => Ok(value.to_string()),
            Value::Number(number) => Ok(number.to_string()),
            Value::Null => Err(Error::plain("unsupported map key of type: %!s(<nil>), key: <nil>", line)),
            Value::Array(_) => Err(Error::plain("invalid map key: []interface {}", line)),
            Value::Object(map) => {
                let inner: Vec<String> = map.keys().map(|k| format!("\"{k}\":interface {{}}(nil)")).collect();
                let shown = format!("map[interface {{}}]interface {{}}{{{}}}", inner.join(", "));
                Err(Error::plain(format!("invalid map key: {shown}"), line))
            }
        }
    }
}

fn leaf(text: &str, style: ScalarStyle, tag: Option<Cow<'_, Tag>>, line: usize) -> Result<Value, Error> {
    let tagged = tag.and_then(|tag| {
        tag.suffix_in_namespace("tag:yaml.org,2002:").and_then(|suffix| scalar::tagged(&suffix, text))
    });
    let value = match tagged {
        Some(value) => value,
        None if style == ScalarStyle::Plain => scalar::resolve(text),
        None => Ok(Value::String(text.to_owned())),
    };
    value.map_err(|message| Error::plain(message, line))
}

/// What `<<` brings: earlier sources win over later ones.
fn merge_into(merged: &mut Map<String, Value>, value: Value, line: usize) -> Result<(), Error> {
    let mistake = || Error::plain("map merge requires map or sequence of maps as the value", line);
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                merged.entry(key).or_insert(value);
            }
            Ok(())
        }
        Value::Array(items) => {
            for item in items {
                if !item.is_object() {
                    return Err(mistake());
                }
                merge_into(merged, item, line)?;
            }
            Ok(())
        }
        _ => Err(mistake()),
    }
}
