//! `-o go-template`: Go's `text/template` as far as people use it on objects.
//!
//! Always holds: parsing and running are bounded in depth. Does not: `define`, `template` and `block`, methods.

mod eval;
mod parse;

use super::errors::{Failure, Outcome};
use serde_json::Value;

/// Renders a value by a Go template.
///
/// # Errors
/// Where the template is wrong, or does not fit.
pub fn render(text: &str, value: &Value) -> Outcome<String> {
    let nodes = parse::template(text)
        .map_err(|why| Failure::new(format!("error parsing template {text}, template: output:{why}")))?;
    let mut out = String::new();
    eval::run(&nodes, value, &mut out).map_err(|why| {
        Failure::new(format!(
            "error executing template \"{}\": template: output:1: executing \"output\": {why}",
            text.replace('"', "\\\"")
        ))
    })?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn renders() {
        let value = json!({"metadata": {"name": "web", "labels": {"a": "b", "c.d": "e"}}, "n": 3, "yes": true,
            "data": {"user": "YWRtaW4="}, "items": [{"name": "x", "n": 1}, {"name": "y", "n": 2}], "none": []});
        let cases = [
            ("{{.metadata.name}}", "web"),
            ("a {{- .n -}} b", "a3b"),
            ("{{range .items}}{{.name}}={{.n}}{{\"\\n\"}}{{end}}", "x=1\ny=2\n"),
            ("{{range $i, $v := .items}}{{if $i}},{{end}}{{$v.name}}{{end}}", "x,y"),
            ("{{range .none}}x{{else}}empty{{end}}", "empty"),
            ("{{range $k, $v := .metadata.labels}}{{$k}}:{{$v}} {{end}}", "a:b c.d:e "),
            ("{{if and .yes (eq .n 3)}}T{{else if .nope}}N{{else}}F{{end}}", "T"),
            ("{{.data.user | base64decode}}", "admin"),
            ("{{index .metadata.labels \"c.d\"}}{{(index .items 1).name}}", "ey"),
            ("{{.nope}}", "<no value>"),
            ("{{with .metadata}}{{.name}}{{end}}{{/* note */}}", "web"),
            ("{{printf \"%s-%d-%v\" .metadata.name .n .yes}}{{len .items}}", "web-3-true2"),
            ("{{$x := .n}}{{if gt $x 2}}big{{end}}{{print \"a\" 1}}", "biga1"),
            ("{{range .items}}{{$.metadata.name}}{{break}}{{end}}", "web"),
            ("{{.metadata.labels}} {{.items}}", "map[a:b c.d:e] [map[n:1 name:x] map[n:2 name:y]]"),
            ("{{not .yes}} {{or .nope \"z\"}} {{exists . \"metadata\" \"name\"}}", "false z true"),
        ];
        for (text, shown) in cases {
            assert_eq!(render(text, &value).map_err(|f| f.message()).as_deref(), Ok(shown), "{text}");
        }
        let wrong = |text: &str| render(text, &value).unwrap_err().message();
        assert_eq!(wrong("{{.a"), "error parsing template {{.a, template: output:1: unclosed action");
        assert!(wrong("{{nope}}").contains("function \"nope\" not defined"));
        assert!(wrong("{{range .x}}").contains("unexpected EOF"));
    }
}
