//! The page that a describer writes: levels of indentation, and the parts that many kinds share.
//!
//! Always holds: cells are separated by tabs and laid out at the end, over the whole page, as the real one does.

use crate::kubectl::age;
use crate::kubectl::jsonpath::show;
use crate::kubectl::table;
use crate::object::SimTime;
use serde_json::Value;
use std::fmt::Write;

/// A page in the making.
#[derive(Debug, Default)]
pub(super) struct Page {
    text: String,
    /// The time that ages are counted to.
    pub now: SimTime,
}

impl Page {
    pub fn new(now: SimTime) -> Self {
        Self { text: String::new(), now }
    }

    /// Writes a line, `level` times two spaces in.
    pub fn line(&mut self, level: usize, text: impl AsRef<str>) {
        self.part(level, text);
        self.text.push('\n');
    }

    /// Writes without ending the line.
    pub fn part(&mut self, level: usize, text: impl AsRef<str>) {
        self.text.extend(std::iter::repeat_n("  ", level));
        self.text.push_str(text.as_ref());
    }

    /// Writes `title:` and a value.
    pub fn pair(&mut self, level: usize, title: &str, value: impl AsRef<str>) {
        self.line(level, format!("{title}:\t{}", value.as_ref()));
    }

    /// The page, laid out.
    pub fn finish(self) -> String {
        table::align(&self.text)
    }

    /// The page as it was written, cells still parted by tabs.
    pub fn raw(self) -> String {
        self.text
    }

    /// A title with a list below one another in the second column; `<none>` when it is empty.
    pub fn list(&mut self, title: &str, items: &[String]) {
        match items.split_first() {
            None => self.line(0, format!("{title}:\t<none>")),
            Some((first, rest)) => {
                self.line(0, format!("{title}:\t{first}"));
                for item in rest {
                    self.line(0, format!("\t{item}"));
                }
            }
        }
    }

    /// `key=value` lines.
    pub fn labels(&mut self, title: &str, labels: &Value) {
        self.list(title, &pairs(labels));
    }

    /// `key: value` lines; long and many-lined values below their key.
    pub fn annotations(&mut self, title: &str, annotations: &Value) {
        const WIDTH: usize = 140;
        let known = annotations.as_object().into_iter().flatten();
        let mut lines = Vec::new();
        for (key, value) in known.filter(|(k, _)| !SKIPPED.contains(&k.as_str())) {
            let value = text(value);
            let value = value.strip_suffix('\n').unwrap_or(&value);
            if value.len() + key.len() + 2 > WIDTH || value.contains('\n') {
                lines.push(format!("{key}:"));
                lines.extend(value.split('\n').map(|line| format!("  {}", shorten(line, WIDTH - 2))));
            } else {
                lines.push(format!("{key}: {value}"));
            }
        }
        self.list(title, &lines);
    }

    /// Name, and for namespaced kinds the namespace; the two lines that most pages begin with.
    pub fn name(&mut self, object: &Value) {
        self.pair(0, "Name", text(&object["metadata"]["name"]));
        self.pair(0, "Namespace", text(&object["metadata"]["namespace"]));
    }

    /// Labels and annotations of an object.
    pub fn metadata(&mut self, object: &Value) {
        self.labels("Labels", &object["metadata"]["labels"]);
        self.annotations("Annotations", &object["metadata"]["annotations"]);
    }

    /// Tolerations, sorted by key.
    pub fn tolerations(&mut self, title: &str, tolerations: &Value) {
        let mut sorted: Vec<&Value> = items(tolerations).iter().collect();
        sorted.sort_by_key(|t| text(&t["key"]));
        let line = |t: &&Value| {
            let part = |key: &str, before: &str| {
                let value = text(&t[key]);
                if value.is_empty() { String::new() } else { format!("{before}{value}") }
            };
            let mut line = format!("{}{}{}", part("key", ""), part("value", "="), part("effect", ":"));
            if t["operator"] == "Exists" && text(&t["value"]).is_empty() {
                line.push_str(if line.is_empty() { "op=Exists" } else { " op=Exists" });
            }
            if let Some(seconds) = t["tolerationSeconds"].as_i64() {
                let _ = write!(line, " for {seconds}s");
            }
            line
        };
        self.list(title, &sorted.iter().map(line).collect::<Vec<_>>());
    }

    /// A table of conditions: their type, status and reason.
    pub fn conditions(&mut self, conditions: &Value) {
        if items(conditions).is_empty() {
            return;
        }
        self.line(0, "Conditions:\n  Type\tStatus\tReason");
        self.line(1, "----\t------\t------");
        for c in items(conditions) {
            self.line(1, format!("{} \t{}\t{}", text(&c["type"]), text(&c["status"]), text(&c["reason"])));
        }
    }

    /// The events at the end of a page.
    pub fn events(&mut self, events: Option<&Vec<Value>>) {
        let Some(events) = events else { return };
        if events.is_empty() {
            self.line(0, "Events:\t<none>");
            return;
        }
        let mut sorted: Vec<&Value> = events.iter().collect();
        sorted.sort_by_key(|e| age::moment(&e["lastTimestamp"]).unwrap_or_default());
        self.line(0, "Events:\n  Type\tReason\tAge\tFrom\tMessage");
        self.line(1, "----\t------\t----\t----\t-------");
        for event in sorted {
            let source = text(&event["source"]["component"]);
            let source = if source.is_empty() { text(&event["reportingComponent"]) } else { source };
            let message = text(&event["message"]);
            // Which container it is about stands before the text since 1.35.
            let field = text(&event["involvedObject"]["fieldPath"]);
            let message = if field.is_empty() { message } else { format!("{field}: {}", message.trim()) };
            self.line(
                1,
                format!(
                    "{}\t{}\t{}\t{source}\t{}",
                    text(&event["type"]),
                    text(&event["reason"]),
                    interval(event, self.now),
                    message.trim(),
                ),
            );
        }
    }
}

/// When an event was seen: `5s`, or `5s (x3 over 2m)`.
pub(super) fn interval(event: &Value, now: SimTime) -> String {
    let first = if event["eventTime"].is_null() { &event["firstTimestamp"] } else { &event["eventTime"] };
    let first = age::since(first, now);
    if event["series"].is_object() {
        let (last, count) =
            (age::since(&event["series"]["lastObservedTime"], now), &event["series"]["count"]);
        return format!("{last} (x{count} over {first})");
    }
    match event["count"].as_i64() {
        Some(count) if count > 1 => {
            format!("{} (x{count} over {first})", age::since(&event["lastTimestamp"], now))
        }
        _ => first,
    }
}

/// Annotations that say nothing to a person.
const SKIPPED: &[&str] = &["kubectl.kubernetes.io/last-applied-configuration"];

fn shorten(line: &str, length: usize) -> String {
    if line.len() <= length {
        return line.to_owned();
    }
    let end = (0..=length).rev().find(|i| line.is_char_boundary(*i)).unwrap_or(0);
    format!("{}...", &line[..end])
}

/// A value as text; empty when it is not set.
pub(super) fn text(value: &Value) -> String {
    if value.is_null() { String::new() } else { show(value) }
}

/// A value as text, or something else when it is not set or empty.
pub(super) fn text_or(value: &Value, otherwise: &str) -> String {
    let text = text(value);
    if text.is_empty() { otherwise.to_owned() } else { text }
}

/// The items of a list; none when it is not set.
pub(super) fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The texts of a list.
pub(super) fn texts(value: &Value) -> Vec<String> {
    items(value).iter().map(text).collect()
}

/// A number, 0 when it is not set.
pub(super) fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

/// `True`, `False`, or `<unset>`.
pub(super) fn truth(value: &Value) -> &'static str {
    match value.as_bool() {
        Some(true) => "True",
        Some(false) => "False",
        None => "<unset>",
    }
}

/// A map as sorted `key=value` texts.
pub(super) fn pairs(map: &Value) -> Vec<String> {
    map.as_object().into_iter().flatten().map(|(k, v)| format!("{k}={}", text(v))).collect()
}

/// A map as `a=b,c=d`, or `<none>`.
pub(super) fn joined(map: &Value) -> String {
    let pairs = pairs(map);
    if pairs.is_empty() { "<none>".to_owned() } else { pairs.join(",") }
}

/// A list as Go prints it: `[a b]`.
pub(super) fn go_list(value: &Value) -> String {
    format!("[{}]", texts(value).join(" "))
}

/// A label selector as text; `<none>` for one that is empty.
pub(super) fn selector(selector: &Value) -> String {
    use crate::object::selector::Selector;
    let parsed = serde_json::from_value(selector.clone()).ok();
    let parsed = Selector::from_api(parsed.as_ref());
    let mut sorted = parsed.clone();
    sorted.requirements.sort_by(|a, b| a.key.cmp(&b.key));
    let text = sorted.to_string();
    if text.is_empty() { "<none>".to_owned() } else { text }
}

/// The controller of an object: `ReplicaSet/web-…`.
pub(super) fn controller(object: &Value) -> Option<String> {
    let owners = items(&object["metadata"]["ownerReferences"]);
    let owner = owners.iter().find(|o| o["controller"] == true)?;
    Some(format!("{}/{}", text(&owner["kind"]), text(&owner["name"])))
}

/// `RWO,ROX`.
pub(super) fn access_modes(modes: &Value) -> String {
    let all = [
        ("ReadWriteOnce", "RWO"),
        ("ReadOnlyMany", "ROX"),
        ("ReadWriteMany", "RWX"),
        ("ReadWriteOncePod", "RWOP"),
    ];
    let has = |mode: &str| items(modes).iter().any(|m| m == mode);
    all.iter().filter(|(mode, _)| has(mode)).map(|(_, short)| *short).collect::<Vec<_>>().join(",")
}
