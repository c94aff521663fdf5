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

    #[test]
    fn runs_have_limits() {
        let wide = json!(vec![0; 100]);
        let wrong = |text: &str| render(text, &wide).unwrap_err().message();
        let loops = format!("{}x{}", "{{range $}}".repeat(20), "{{end}}".repeat(20));
        let doubles = "{{$x := \"x\"}}{{range .}}{{$x = printf \"%s%s\" $x $x}}{{end}}";
        for text in [&loops, doubles] {
            assert!(wrong(text).ends_with("the template takes too many steps"), "{text}");
        }
        let chain = "{{if .}}{{else if .}}".repeat(10_000);
        assert!(wrong(&chain).ends_with("template is nested too deeply"));
        assert!(wrong(&format!("{{{{{}", "(".repeat(100_000))).contains("unclosed action"));
        assert!(
            wrong(&format!("{{{{{}}}}}", "(".repeat(100_000))).ends_with("expression is nested too deeply")
        );
    }

    proptest::proptest! {
        #[test]
        fn never_panics(parts in proptest::collection::vec(proptest::sample::select(PARTS), 0..12)) {
            let value = json!({"a": {"b": [1, "\u{e9}", null, {"b": 2.5}]}, "n": -1, "s": "YQ=="});
            let _ = render(&parts.concat(), &value);
        }

        #[test]
        fn noise_does_no_harm(text in "\\PC{0,16}", inner in "[a.$|()\"'`:=,% 0-9-]{0,16}") {
            let _ = render(&text, &json!({"a": 1}));
            let _ = render(&format!("{text}{{{{{inner}}}}}"), &json!({"a": 1}));
        }
    }

    /// What templates are made of, and what nearly fits.
    const PARTS: &[&str] = &[
        "{{",
        "}}",
        "{{-",
        " -}}",
        "{{range .a.b}}",
        "{{range $i, $x := .}}",
        "{{if .n}}",
        "{{else if .s}}",
        "{{else}}",
        "{{with .a}}",
        "{{end}}",
        "{{break}}",
        "{{/*",
        "*/}}",
        "{{.a.b}}",
        "{{$x}}",
        "{{$x = .n}}",
        "printf",
        " \"%-9d%5.3f%q%%%z\" ",
        " `raw` ",
        "'\u{e9}'",
        "index .a.b",
        "slice .s",
        " 1",
        " -1",
        " 99999999999999999999",
        "len ",
        "eq . ",
        "lt .n 1e400",
        "(",
        ")",
        "|",
        "base64decode",
        "exists . ",
        ".",
        "$",
        ":=",
        "=",
        ",",
        "\n",
        "\u{e9}",
        "\0",
        "{{slice .s 1 99}}",
        "{{slice .a.b 3 1}}",
        "{{index .a.b -1}}",
        "{{not}}",
        "{{eq}}",
        "{{index}}",
    ];
}
