//! CEL, Kubernetes' expression language, over JSON.
//!
//! Always holds: whole numbers of JSON are CEL's `int`.

mod check;

pub use check::{Type, check};

use cel::{Context, Env, Value, extensions};
use serde::{Serialize, Serializer, ser::SerializeMap, ser::SerializeSeq};
use serde_json::Value as Json;
use std::sync::{Arc, LazyLock};

/// CEL's own functions, and those for texts and lists.
pub fn env() -> Arc<Env> {
    static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| {
        let mut env = Env::stdlib().with_optional_support(true);
        // Neither can fail: they are added to a fresh environment, once each.
        env.add_extension(extensions::strings).ok();
        env.add_extension(extensions::lists).ok();
        Arc::new(env)
    });
    ENV.clone()
}

/// Whether an expression can be read.
///
/// # Errors
/// Why not, in CEL's words.
pub fn syntax(expression: &str) -> Result<(), String> {
    env().compile(expression).map(drop).map_err(|errors| shown(&errors.to_string()))
}

/// Mistakes as the server shows them: the line and the place under it are set in.
fn shown(errors: &str) -> String {
    errors.replace("\n| ", "\n | ")
}

/// The value of an expression over these variables.
///
/// # Errors
/// Why there is none, in CEL's words.
pub fn evaluate(expression: &str, variables: &[(&str, &Json)]) -> Result<Value, String> {
    let env = env();
    let program = env.compile(expression).map_err(|errors| errors.to_string())?;
    let mut context = Context::with_env(env);
    for (name, json) in variables {
        context.add_variable_from_value(*name, value(json)?);
    }
    program.execute(&context).map_err(|error| error.to_string())
}

/// JSON as CEL's values.
///
/// # Errors
/// When a number does not fit.
pub fn value(json: &Json) -> Result<Value, String> {
    cel::to_value(Whole(json)).map_err(|e| e.to_string())
}

struct Whole<'a>(&'a Json);

impl Serialize for Whole<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Json::Null => serializer.serialize_unit(),
            Json::Bool(b) => serializer.serialize_bool(*b),
            Json::Number(n) => match n.as_i64() {
                Some(whole) => serializer.serialize_i64(whole),
                None => serializer.serialize_f64(n.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(s) => serializer.serialize_str(s),
            Json::Array(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(&Whole(item))?;
                }
                list.end()
            }
            Json::Object(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (key, item) in fields {
                    map.serialize_entry(key, &Whole(item))?;
                }
                map.end()
            }
        }
    }
}
